import { afterAll, expect, it, vi } from 'vitest'
import { sleep } from '../../../src/core/clock.ts'
import {
  fileCheckpointStore,
  memoryCheckpointStore,
  memoryParkingStore,
  openStream,
} from '../../../src/index.ts'
import type { Deliver } from '../../support/fake-table.ts'
import { LEASE_MS, type Worker, Workers } from './workers.ts'

vi.hoisted(() => vi.resetModules())
vi.mock('node:zlib', () => import('../../support/sync-zlib.ts'))
afterAll(() => vi.resetModules())

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)

it('a standby worker takes over when the active worker was killed, and continues after its checkpoint', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(1_000)
  const second = workers.start('second')
  workers.write(10)
  await workers.pass(2_000)
  expect(workers.numbersOf(first)).toEqual(numbers(0, 10))
  expect(second.events).toEqual([
    { event: 'standby', name: 'worker', owner: 'first', epoch: 1, leaseMs: LEASE_MS },
  ])
  first.isDead = true
  workers.write(5)
  await workers.pass((LEASE_MS * 2) / 3 - 100)
  expect(second.stream).toBeUndefined()
  await workers.pass((LEASE_MS * 2) / 3 + 500)
  expect(second.events[1]).toMatchObject({ event: 'leaseAcquired', name: 'worker', epoch: 2 })
  expect(second.events).toHaveLength(2)
  expect(workers.numbersOf(second)).toEqual(numbers(10, 5))
  expect(second.stream?.epoch).toBe(2)
})

it('a standby worker takes over at its next poll when the active worker has closed its stream', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(1_000)
  const second = workers.start('second')
  workers.write(3)
  await workers.pass(2_000)
  first.stop.abort()
  await workers.pass(LEASE_MS / 3 + 200)
  expect(first.ended).toBe('closed')
  expect(second.stream?.epoch).toBe(2)
  workers.write(3)
  await workers.pass(1_000)
  expect(workers.numbersOf(second)).toEqual(numbers(3, 3))
})

it('a standby worker takes over at its next poll when the active worker was closed during a renewal', async () => {
  const workers = new Workers()
  let inFlight = 0
  const first: Worker = workers.start('first', {
    deliver: async (call) => {
      if (call.operation !== 'UpdateItem') return call.apply()
      inFlight++
      const response = call.apply()
      await sleep(first.clock, 100)
      inFlight--
      return response
    },
  })
  await workers.pass(1_000)
  const second = workers.start('second')
  await workers.pass(2_000)
  while (inFlight === 0) await workers.pass(50)
  first.stop.abort()
  await workers.pass(LEASE_MS / 2)
  expect(second.stream).toBeDefined()
})

it('an acquisition that takes longer than the lease is repeated', async () => {
  const workers = new Workers()
  let isSlow = true
  const worker: Worker = workers.start('first', {
    deliver: async (call) => {
      const response = call.apply()
      if (call.operation === 'UpdateItem' && isSlow) {
        isSlow = false
        await sleep(worker.clock, LEASE_MS + 500)
      }
      return response
    },
  })
  await workers.pass(4 * LEASE_MS)
  expect(worker.ended).toBeUndefined()
  expect(worker.stream).toBeDefined()
  expect(worker.eventNames.filter((name) => name === 'leaseAcquired')).toHaveLength(1)
  expect(worker.eventNames).toContain('checkpointRetry')
})

it('a standby worker takes over at its next poll from a worker without standby that has closed its stream', async () => {
  const workers = new Workers()
  const first = workers.start('first', { checkpoint: { standby: false, leaseMs: undefined } })
  await workers.pass(1_000)
  const second = workers.start('second')
  await workers.pass(60_000)
  expect(second.events).toEqual([
    { event: 'standby', name: 'worker', owner: 'first', epoch: 1, leaseMs: undefined },
  ])
  expect(first.stream).toBeDefined()
  first.stop.abort()
  await workers.pass(LEASE_MS / 3 + 200)
  expect(second.stream?.epoch).toBe(2)
})

it('an active worker keeps its lease for as long as it is renewed, also without records', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(500)
  const second = workers.start('second')
  await workers.pass(10 * LEASE_MS)
  expect([first.ended, second.stream]).toEqual([undefined, undefined])
  expect(workers.table.get('worker', 'head')).toMatchObject({
    epoch: { N: '1' },
    owner: { S: 'first' },
    leaseMs: { N: String(LEASE_MS) },
  })
})

it('a worker that waits reads one item per poll without the token, and writes nothing', async () => {
  const workers = new Workers()
  workers.start('first')
  await workers.pass(500)
  const calls: string[] = []
  workers.start('second', {
    deliver: async (call) => {
      const response = call.apply()
      calls.push(call.operation)
      expect(Object.keys((response as { Item: object }).Item).sort()).toEqual([
        'epoch',
        'leaseMs',
        'owner',
        'session',
        'version',
      ])
      return response
    },
  })
  await workers.pass(10 * LEASE_MS)
  expect(new Set(calls)).toEqual(new Set(['GetItem']))
  expect(calls.length).toBeLessThanOrEqual(32)
  expect(calls.length).toBeGreaterThanOrEqual(28)
})

it.each([
  ['a loop', undefined],
  ['a run of processStream', {}],
] as const)(
  '%s whose lease cannot be renewed ends before a standby worker takes over',
  async (_, process) => {
    const workers = new Workers()
    let isReachable = true
    const deliver: Deliver = async (call) => {
      if (!isReachable)
        throw Object.assign(new Error('throttled'), { name: 'ThrottlingException', $metadata: {} })
      return call.apply()
    }
    const first = workers.start('first', {
      deliver,
      ...(process && { process: { ...process, handlerMs: 100_000 } }),
    })
    await workers.pass(500)
    const second = workers.start('second')
    workers.write(1)
    await workers.pass(1_000)
    isReachable = false
    let endedAt = 0
    for (let at = 0; second.stream === undefined && at < 2 * LEASE_MS; at += 50) {
      await workers.pass(50)
      if (first.ended !== undefined && endedAt === 0) endedAt = at
      if (second.stream === undefined) continue
      // At least the margin, because the standby worker has seen the last renewal later than it was sent.
      expect(at - endedAt).toBeGreaterThanOrEqual(LEASE_MS / 10 - 50)
      expect(endedAt).toBeGreaterThan(0)
    }
    expect(second.stream).toBeDefined()
    expect(first.ended).toMatchObject({
      code: 'checkpoint.failed',
      message:
        'The lease of the checkpoint "worker" could not be renewed within its 3000 ms: throttled. ' +
        'This worker stops, because another one may take over.',
      details: { name: 'worker', operation: 'renew' },
    })
    expect(first.events).toContainEqual(
      expect.objectContaining({ event: 'checkpointRetry', operation: 'renew' }),
    )
    for (const signal of first.signals) expect(signal.reason).toBe(first.ended)
    expect(first.signals).toHaveLength(process ? 1 : 0)
  },
)

it.each([
  ['a loop', undefined],
  ['a run of processStream', {}],
] as const)(
  '%s that was suspended for longer than its lease delivers nothing afterwards',
  async (_, process) => {
    const workers = new Workers()
    const first = workers.start('first', process && { process })
    await workers.pass(500)
    const second = workers.start('second')
    workers.write(1)
    await workers.pass(1_000)
    first.isAsleep = true
    await workers.pass(100)
    workers.write(5)
    await workers.pass(2 * LEASE_MS)
    expect(second.stream?.epoch).toBe(2)
    const before = workers.numbersOf(first)
    first.isAsleep = false
    await workers.pass(5_000)
    expect(workers.numbersOf(first)).toEqual(before)
    expect(first.ended).toMatchObject({ code: 'checkpoint.failed', details: { operation: 'renew' } })
    expect(second.ended).toBeUndefined()
    expect(workers.numbersOf(second).slice(-5)).toEqual(numbers(1, 5))
  },
)

it('a machine whose monotonic clock stops while it sleeps does not rely on its lease afterwards', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(1_000)
  workers.write(5)
  // Before the next timer fires: only the check at the delivery can notice.
  first.clock.jump(LEASE_MS)
  await workers.pass(500)
  expect(workers.numbersOf(first)).toEqual([])
  expect(first.ended).toMatchObject({ code: 'checkpoint.failed' })
})

it.each([
  ['a loop', undefined],
  ['a run of processStream', {}],
] as const)('%s that was suspended for a while renews its lease before it delivers', async (_, process) => {
  const workers = new Workers()
  let isHeld = false
  let onRenewed = () => {}
  const first = workers.start('first', {
    ...(process && { process }),
    deliver: async (call) => {
      if (isHeld) await new Promise<void>((resolve) => (onRenewed = resolve))
      return call.apply()
    },
  })
  await workers.pass(1_200)
  // The last renewal is at most a third of the time limit old, and the lease ends after nine tenths.
  isHeld = true
  first.clock.suspend(LEASE_MS * 0.55)
  workers.write(5)
  await workers.pass(100)
  expect(workers.numbersOf(first)).toEqual([])
  expect(first.ended).toBeUndefined()
  isHeld = false
  onRenewed()
  await workers.pass(1_500)
  expect(workers.numbersOf(first)).toEqual(numbers(0, 5))
})

it('the end of the wait by a signal rejects with its reason, and leaves no timer', async () => {
  const workers = new Workers()
  workers.start('first')
  await workers.pass(500)
  const second = workers.start('second')
  await workers.pass(60_000)
  const reason = new Error('stopped')
  second.stop.abort(reason)
  await workers.pass(50)
  expect(second.ended).toBe(reason)
  expect(second.clock.untilNextTimer).toBeUndefined()
})

it('a store that is throttled during the wait is retried, and reported', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(500)
  let isThrottled = false
  const second = workers.start('second', {
    deliver: async (call) => {
      if (isThrottled)
        throw Object.assign(new Error('slow down'), { name: 'ThrottlingException', $metadata: {} })
      return call.apply()
    },
  })
  await workers.pass(500)
  isThrottled = true
  await workers.pass(120_000)
  expect(second.ended).toBeUndefined()
  expect(second.events).toContainEqual(
    expect.objectContaining({ event: 'checkpointRetry', name: 'worker', operation: 'load', attempt: 10 }),
  )
  isThrottled = false
  await workers.pass(2_000)
  expect(second.stream).toBeUndefined()
  first.isDead = true
  await workers.pass(2 * LEASE_MS)
  expect(second.stream?.epoch).toBe(2)
})

it('a worker without permission to read the checkpoint receives the error of the SDK', async () => {
  const workers = new Workers()
  const denied = Object.assign(new Error('not authorized'), {
    name: 'AccessDeniedException',
    $metadata: { httpStatusCode: 400 },
  })
  const worker = workers.start('first', { deliver: () => Promise.reject(denied) })
  await workers.pass(100)
  expect(worker.ended).toBe(denied)
})

it('a store that never responds is reported after the connect timeout, and a wait has no limit', async () => {
  const workers = new Workers()
  const open = { connectTimeoutMs: 10_000 }
  const cut = workers.start('cut off', { open, deliver: () => new Promise(() => {}) })
  const first = workers.start('first', { open })
  await workers.pass(200)
  const second = workers.start('second', { open })
  await workers.pass(9_000)
  expect(cut.ended).toBeUndefined()
  await workers.pass(20_000)
  expect(cut.ended).toMatchObject({ code: 'service.unreachable' })
  expect([first.ended, second.ended]).toEqual([undefined, undefined])
})

it('a checkpoint that is deleted during the wait ends the active worker, and a standby worker starts over', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(500)
  const second = workers.start('second')
  await workers.pass(500)
  workers.table.delete('worker', 'head')
  await workers.pass(LEASE_MS)
  expect(first.ended).toMatchObject({ code: 'checkpoint.conflict' })
  expect(second.stream?.epoch).toBe(1)
})

it('of two standby workers one takes over, and the other one continues to wait', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(500)
  const others = ['second', 'third'].map((name) => workers.start(name))
  await workers.pass(2_000)
  first.isDead = true
  await workers.pass(10 * LEASE_MS)
  const [winner, loser] = others[0]?.stream ? others : [...others].reverse()
  expect(winner?.stream?.epoch).toBe(2)
  expect(loser?.stream).toBeUndefined()
  expect(loser?.events.at(-1)).toMatchObject({ event: 'standby', owner: winner?.name, epoch: 2 })
})

it('a worker without standby takes over from an active worker at once', async () => {
  const workers = new Workers()
  const first = workers.start('first')
  await workers.pass(500)
  const second = workers.start('second')
  await workers.pass(500)
  const forced = workers.start('forced', { checkpoint: { standby: false, leaseMs: undefined } })
  await workers.pass(50)
  expect(forced.stream?.epoch).toBe(2)
  await workers.pass(LEASE_MS / 3 + 300)
  expect(first.ended).toMatchObject({
    code: 'checkpoint.conflict',
    message: 'The checkpoint "worker" was taken over by forced: this worker can no longer save it.',
    details: { name: 'worker', owner: 'forced' },
  })
  await workers.pass(10 * LEASE_MS)
  expect([forced.ended, second.stream]).toEqual([undefined, undefined])
  expect(second.events.at(-1)).toMatchObject({ event: 'standby', owner: 'forced', leaseMs: undefined })
})

it('a new active worker acquires the parking store, and its predecessor can no longer write to it', async () => {
  const workers = new Workers()
  const store = memoryParkingStore()
  const epochs: number[] = []
  const acquire = store.acquire.bind(store)
  const process = {
    parking: {
      after: { attempts: 3 },
      store: {
        ...store,
        acquire: (...args: Parameters<typeof acquire>) => {
          epochs.push(args[1]?.epoch ?? -1)
          return acquire(...args)
        },
      },
    },
    onFailure: 'discard' as const,
  }
  const first = workers.start('first', { process })
  await workers.pass(500)
  const second = workers.start('second', { process })
  await workers.pass(2_000)
  expect(epochs).toHaveLength(1)
  first.isAsleep = true
  await workers.pass(2 * LEASE_MS)
  expect(epochs).toEqual([1, 2])
  first.isAsleep = false
  await workers.pass(1_000)
  expect(first.ended).toMatchObject({ code: expect.stringMatching(/^checkpoint\./) })
  workers.write(3)
  await workers.pass(1_000)
  expect(workers.numbersOf(second)).toEqual([0, 1, 2])
})

it.each([
  ['a file', () => fileCheckpointStore('checkpoints')],
  ['memory', () => memoryCheckpointStore()],
  ['a store with load() and save() only', () => ({ load: async () => undefined, save: async () => {} })],
])('standby with checkpoints in %s is an invalid option', async (_, createStore) => {
  const { emulator } = new Workers()
  const { streamArn, api: client } = emulator
  const store = createStore()
  const opening = openStream({ streamArn, client, checkpoint: { store, name: 'worker', standby: true } })
  await expect(opening).rejects.toMatchObject({
    code: 'options.invalid',
    message:
      'Option checkpoint.standby requires a store with leases that have a time limit, such as ' +
      'dynamoDBCheckpointStore; this store does not have leaseState().',
    details: { option: 'checkpoint.store' },
  })
})

it.each([
  [{ leaseMs: 1_000 }, 'Option checkpoint.leaseMs requires checkpoint.standby: true.'],
  [{ standby: false, leaseMs: 1_000 }, 'Option checkpoint.leaseMs requires checkpoint.standby: true.'],
  [
    { standby: true, leaseMs: 499 },
    'Option checkpoint.leaseMs is 499, but must be a whole number from 500 to 600000.',
  ],
  [{ standby: 'yes' as never }, 'Option checkpoint.standby is "yes", but must be true or false.'],
])('the options %o of a checkpoint are invalid', async (checkpoint, message) => {
  const workers = new Workers()
  const worker = workers.start('first', {
    checkpoint: { leaseMs: undefined, standby: undefined, ...checkpoint },
  })
  await workers.pass(50)
  expect(worker.ended).toMatchObject({ code: 'options.invalid', message })
})
