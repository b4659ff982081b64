import { describe, expect, it } from 'vitest'
import { isStreamError, StreamError } from '../../../src/core/errors.ts'
import { memoryParkingStore } from '../../../src/parking/memory.ts'
import type { ParkedKey, ParkingLease, ParkingStore } from '../../../src/parking/parking-store.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { deferred, type FakeSource, manualHandler, recordOf, startRun } from './run-subject.ts'

const retry = { maxAttempts: 50, minDelayMs: 1_000, maxDelayMs: 1_000 }

function hashOf(key: string): string {
  return hashItemKey(recordOf(1, new ManualClock(), { key }).itemKey)
}

/** Everything that is parked under the name of the run. */
async function parkedIn(store: ParkingStore): Promise<{ key: ParkedKey; numbers: number[] }[]> {
  const parked: { key: ParkedKey; numbers: number[] }[] = []
  for await (const key of store.list('worker')) {
    const numbers: number[] = []
    for await (const { content } of store.records('worker', key.keyHash)) {
      numbers.push(Number(JSON.parse(content).record.dynamodb.SequenceNumber))
    }
    parked.push({ key, numbers })
  }
  return parked
}

/** A handler that fails for the records of some keys. */
function handlerOf(broken: Set<string>) {
  const handled: number[] = []
  const attempts: number[] = []
  const handler = (record: StreamRecord, context: { attempt: number }) => {
    attempts.push(context.attempt)
    if (broken.has(record.keys.id as string)) throw new Error('broken')
    handled.push(Number(record.sequenceNumber))
  }
  return { handler, handled, attempts }
}

/** A store whose lease behaves as a test says. */
function storeWith(
  change: (lease: ParkingLease, store: ParkingStore) => Partial<ParkingLease>,
): ParkingStore {
  const store = memoryParkingStore()
  return {
    ...store,
    acquire: async (...args) => {
      const lease = await store.acquire(...args)
      return { ...lease, ...change(lease, store) }
    },
  }
}

function throwNow(): never {
  throw new Error('down')
}

const ofA = (count: number) => (source: FakeSource) => {
  for (let n = 0; n < count; n++) source.write({ key: 'a' })
}

describe('a run with parking', () => {
  it('parks a key after a number of attempts, and settles its records once they are in the store', async () => {
    const store = memoryParkingStore()
    const { handler, handled } = handlerOf(new Set(['a']))
    const { clock, source, stop, eventsNamed, settle } = startRun(
      handler,
      { retry, parking: { store, after: { attempts: 3 } } },
      ofA(3),
    )
    await settle()
    source.write({ key: 'b' })
    await clock.advance(2_000)
    expect(eventsNamed('attemptFailed').map(({ verdict, delayMs }) => [verdict, delayMs])).toEqual([
      ['retry', 500],
      ['retry', 500],
      ['park', undefined],
    ])
    expect(eventsNamed('parked')).toEqual([
      { shardId: 'shard-a', sequenceNumber: '1', keyHash: hashOf('a'), reason: 'attempts', attempts: 3 },
    ])
    expect(source.delivered.map(({ isSettled }) => isSettled)).toEqual([true, true, true, true])
    expect(handled).toEqual([4])
    source.write({ key: 'a' })
    await clock.advance(1_000)
    const [parked, ...others] = await parkedIn(store)
    expect(others).toEqual([])
    expect(parked?.numbers).toEqual([1, 2, 3, 5])
    expect(parked?.key).toMatchObject({ records: 4, state: 'parked', progress: { attempts: 3 } })
    expect(await stop()).toMatchObject({ parked: 4, handled: 1, records: 5, attempts: 4 })
  })

  it('parks a key once this much time has passed since the first attempt', async () => {
    const { handler } = handlerOf(new Set(['a']))
    const { clock, eventsNamed, stop } = startRun(
      handler,
      { retry, parking: { store: memoryParkingStore(), after: { ms: 10_000 } } },
      ofA(1),
    )
    await clock.advance(9_900)
    expect(eventsNamed('parked')).toEqual([])
    await clock.advance(1_000)
    expect(eventsNamed('parked')).toMatchObject([{ reason: 'ms' }])
    await stop()
  })

  it('parks a key with many waiting records only once its first record has failed', async () => {
    const broken = new Set<string>()
    const { handler } = handlerOf(broken)
    const parking = { store: memoryParkingStore(), after: { queued: 5 } }
    const { clock, source, eventsNamed, stop, settle } = startRun(handler, { retry, parking }, ofA(20))
    await settle()
    expect(eventsNamed('parked')).toEqual([])
    broken.add('a')
    for (let n = 0; n < 4; n++) source.write({ key: 'a' })
    await clock.advance(5_000)
    expect(eventsNamed('parked')).toEqual([])
    source.write({ key: 'a' })
    await clock.advance(1_000)
    expect(eventsNamed('parked')).toMatchObject([{ reason: 'queued', sequenceNumber: '21' }])
    await stop()
  })

  it('parks nothing in an outage, nor what is rejected', async () => {
    const store = memoryParkingStore()
    const letters: string[] = []
    const handler = (record: StreamRecord, context: { reject(reason: string): void }) => {
      if (record.keys.id === 'a') context.reject('wrong')
      throw new Error('down')
    }
    const { clock, source, stop, eventsNamed } = startRun(
      handler,
      {
        retry: { ...retry, classify: () => 'wait' },
        parking: { store, after: { attempts: 1, ms: 1, queued: 1 } },
        onFailure: async ({ condition }: { condition: string }) => void letters.push(condition),
      },
      ofA(1),
    )
    source.write({ key: 'b' })
    await clock.advance(60_000)
    expect(letters).toEqual(['Rejected'])
    expect(eventsNamed('parked')).toEqual([])
    expect(await parkedIn(store)).toEqual([])
    await stop()
  })

  it('parks a record whose attempts have ended the process, without another attempt', async () => {
    const store = memoryParkingStore()
    const { handler, attempts } = handlerOf(new Set())
    const { clock, eventsNamed, stop } = startRun(
      handler,
      { retry, parking: { store, after: { attempts: 3 } } },
      (source) => {
        source.write({ key: 'a', resumed: { attempts: 3, since: 1, isRunning: true } }, { key: 'a' })
      },
    )
    await clock.advance(2_000)
    expect(attempts).toEqual([])
    expect(eventsNamed('parked')).toMatchObject([{ reason: 'workerLost', attempts: 3 }])
    expect((await parkedIn(store))[0]?.numbers).toEqual([1, 2])
    await stop()
  })

  it('a released record has a new budget of attempts, and is given up only when that is used up', async () => {
    const store = memoryParkingStore()
    const broken = new Set(['a'])
    const { handler, attempts, handled } = handlerOf(broken)
    const options = { retry, parking: { store, after: { attempts: 2 } } }
    const { clock, eventsNamed, stop } = startRun(handler, options, ofA(2))
    await clock.advance(2_000)
    await store.release('worker', hashOf('a'))
    await clock.advance(10_000)
    expect(attempts).toEqual([1, 2, 1, 2])
    expect(eventsNamed('parked')).toHaveLength(2)
    broken.clear()
    await store.release('worker', hashOf('a'))
    await clock.advance(10_000)
    expect(handled).toEqual([1, 2])
    expect(eventsNamed('returned')).toEqual([{ keyHash: hashOf('a') }])
    expect(await parkedIn(store)).toEqual([])
    await stop()
  })

  it('a task that has succeeded does not run again after a release', async () => {
    const store = memoryParkingStore()
    let isBroken = true
    const calls: string[] = []
    const tasks = {
      index: () => void calls.push('index'),
      mail: () => {
        calls.push('mail')
        if (isBroken) throw new Error('broken')
      },
    }
    const options = { retry, parking: { store, after: { attempts: 2 } } }
    const { clock, stop } = startRun({ tasks }, options, ofA(2))
    await clock.advance(5_000)
    isBroken = false
    await store.release('worker', hashOf('a'))
    await clock.advance(10_000)
    expect(calls).toEqual(['index', 'mail', 'mail', 'mail', 'index', 'mail'])
    await stop()
  })

  it('in a batch, only the key of the record that fails is parked', async () => {
    const store = memoryParkingStore()
    const handled: string[] = []
    const batch = (records: readonly StreamRecord[]) => {
      const failed = records.filter(({ keys }) => keys.id === 'a')
      for (const { keys } of records) if (keys.id !== 'a') handled.push(keys.id as string)
      return { batchItemFailures: failed.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) }
    }
    const options = { retry, parking: { store, after: { attempts: 2 } } }
    const { clock, stop } = startRun({ batch, batchSize: 10 }, options, (source) => {
      source.write({ key: 'a' }, { key: 'b' }, { key: 'a' }, { key: 'c' }, { key: 'a' })
    })
    await clock.advance(5_000)
    expect(handled).toEqual(['b', 'c'])
    expect((await parkedIn(store))[0]?.numbers).toEqual([1, 3, 5])
    await stop()
  })

  it('parks a key whose filter throws before any later record of it is taken', async () => {
    const store = memoryParkingStore()
    const { handler, handled } = handlerOf(new Set())
    let calls = 0
    const filter = ({ sequenceNumber }: StreamRecord) => {
      if (sequenceNumber !== '1') return true
      calls++
      // No further attempt starts in this turn.
      if (calls === 2) run.pause()
      throw new Error('broken')
    }
    const options = { retry, parking: { store, after: { attempts: 1 } }, filter }
    const { clock, source, run, stop } = startRun(handler, options, ofA(1))
    await clock.advance(1_000)
    source.write({ key: 'a' })
    run.resume()
    await clock.advance(1_000)
    expect(handled).toEqual([])
    expect((await parkedIn(store))[0]?.numbers).toEqual([1, 2])
    await stop()
  })

  it('a key is not parked while an earlier record of it waits for its dead letter to be accepted', async () => {
    const store = memoryParkingStore()
    const accepted = deferred()
    const batch = (
      records: readonly StreamRecord[],
      context: { reject(record: object, reason: string): void },
    ) => {
      const [first, ...rest] = records as [StreamRecord, ...StreamRecord[]]
      if (first.sequenceNumber === '1') context.reject(first, 'wrong')
      else rest.unshift(first)
      return { batchItemFailures: rest.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) }
    }
    const options = {
      retry,
      parking: { store, after: { attempts: 1 } },
      onFailure: () => accepted.promise,
    }
    const { clock, stop, source } = startRun({ batch, batchSize: 10 }, options, ofA(3))
    await clock.advance(5_000)
    expect(await parkedIn(store)).toEqual([])
    accepted.resolve()
    await clock.advance(5_000)
    expect((await parkedIn(store))[0]?.numbers).toEqual([2, 3])
    expect(source.delivered.every(({ isSettled }) => isSettled)).toBe(true)
    await stop()
  })

  it('stops with parking.failed at maxParkedPerKey, and the record that is too many stays unsettled', async () => {
    const store = memoryParkingStore()
    const { handler } = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 1 }, maxParkedPerKey: 3 } }
    const { clock, source, run } = startRun(handler, options, ofA(3))
    await clock.advance(2_000)
    source.write({ key: 'a' })
    const error = await clock.run(run.result.catch((reason: unknown) => reason))
    if (!isStreamError(error, 'parking.failed')) throw error
    expect(error.details).toEqual({ name: 'worker', keyHash: hashOf('a'), operation: 'park' })
    expect(error.message).toContain('maxParkedPerKey')
    expect(source.delivered.map(({ isSettled }) => isSettled)).toEqual([true, true, true, false])
    expect((await parkedIn(store))[0]?.numbers).toEqual([1, 2, 3])
  })

  it('repeats a call that fails until the store works again, and a stall has the reason parking', async () => {
    let isDown = true
    const store = storeWith((lease) => ({
      save: async (updates) => {
        if (isDown) throw new Error('down')
        await lease.save(updates)
      },
    }))
    const { handler } = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, source, stop, eventsNamed } = startRun(handler, options, ofA(3))
    await clock.advance(120_000)
    expect(eventsNamed('stalled')).toMatchObject([{ reason: 'parking', unsettled: 3 }])
    expect(eventsNamed('parkingRetry').length).toBeGreaterThan(3)
    expect(source.delivered.some(({ isSettled }) => isSettled)).toBe(false)
    isDown = false
    await clock.advance(60_000)
    expect(eventsNamed('unstalled')).toHaveLength(1)
    expect((await parkedIn(store))[0]?.numbers).toEqual([1, 2, 3])
    await stop()
  })

  it('a save that took effect although its response was lost adds no record twice', async () => {
    let losses = 2
    const store = storeWith((lease) => ({
      save: async (updates) => {
        await lease.save(updates)
        if (losses-- > 0) throw new Error('lost')
      },
    }))
    const { handler } = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, stop } = startRun(handler, options, ofA(3))
    await clock.advance(60_000)
    const [parked] = await parkedIn(store)
    expect(parked?.numbers).toEqual([1, 2, 3])
    expect(parked?.key.records).toBe(3)
    expect(await stop()).toMatchObject({ parked: 3 })
  })

  it('a save that is repeated contains at least the records of every key that the failed one contained', async () => {
    const calls: (readonly [hash: string, records: number])[][] = []
    let isDown = true
    const store = storeWith((lease) => ({
      save: async (updates) => {
        calls.push(updates.map(({ key, added }) => [key.keyHash, added.length] as const))
        // It takes effect, but its response is lost.
        await lease.save(updates)
        if (isDown) throw new Error('down')
      },
    }))
    const { handler } = handlerOf(new Set(['a', 'b', 'c']))
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, source, stop } = startRun(handler, options, (from) => {
      for (let n = 0; n < 20; n++) from.write({ key: 'a' }, { key: 'b' })
    })
    await clock.advance(10)
    for (let n = 0; n < 300; n++) source.write({ key: 'a' }, { key: 'c' })
    await clock.advance(60_000)
    expect(calls.length).toBeGreaterThan(3)
    for (const [index, failed] of calls.slice(0, -1).entries()) {
      const repeated = new Map(calls[index + 1])
      for (const [hash, records] of failed) expect(repeated.get(hash)).toBeGreaterThanOrEqual(records)
    }
    isDown = false
    await clock.advance(60_000)
    const parked = await parkedIn(store)
    expect(parked.map(({ key, numbers }) => [key.records, numbers.length]).sort()).toEqual([
      [20, 20],
      [300, 300],
      [320, 320],
    ])
    await stop()
  })

  it('ends at once when another worker has acquired the store: nothing is saved any more', async () => {
    const conflict = new StreamError('checkpoint.conflict', 'Another worker.', { name: 'worker' })
    const store = storeWith(() => ({ save: () => Promise.reject(conflict) }))
    const { handler } = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, run, source } = startRun(handler, options, ofA(3))
    await clock.advance(10_000)
    expect(await clock.run(run.result.catch((reason: unknown) => reason))).toBe(conflict)
    expect([...source.saved.values()]).not.toContain('settled')
    expect(source.lost.reason).toBe(conflict)
  })

  it('rejects with parking.failed if the store cannot be opened, before a record is taken', async () => {
    const failure = new Error('no such table')
    const store = { ...memoryParkingStore(), acquire: () => Promise.reject(failure) }
    const { handler } = handlerOf(new Set())
    const { clock, run, source } = startRun(handler, { retry, parking: { store, after: { ms: 1 } } }, ofA(1))
    const error = await clock.run(run.result.catch((reason: unknown) => reason))
    expect(error).toMatchObject({
      code: 'parking.failed',
      message: 'Cannot open the parking store of "worker": no such table.',
      details: { name: 'worker', operation: 'acquire' },
      cause: failure,
    })
    expect(source.taken).toBe(0)
  })

  it('ends at once if another worker has acquired the store before this one, and saves nothing', async () => {
    const conflict = new StreamError('checkpoint.conflict', 'Another worker.', { name: 'worker' })
    const store = { ...memoryParkingStore(), acquire: () => Promise.reject(conflict) }
    const { handler } = handlerOf(new Set())
    const { clock, run, source } = startRun(handler, { retry, parking: { store, after: { ms: 1 } } }, ofA(1))
    expect(await clock.run(run.result.catch((reason: unknown) => reason))).toBe(conflict)
    expect(source).toMatchObject({ taken: 0, saves: 0 })
    expect(source.lost.reason).toBe(conflict)
  })

  it('passes the epoch of the checkpoint to the store, and closes the lease at the end', async () => {
    const calls: unknown[] = []
    const store = storeWith(() => ({ close: async () => void calls.push('closed') }))
    const acquire = store.acquire
    const spied: ParkingStore = {
      ...store,
      acquire: (name, options) => {
        calls.push(name, options)
        return acquire(name, options)
      },
    }
    const { handler } = handlerOf(new Set())
    const { stop, settle } = startRun(handler, { retry, parking: { store: spied, after: { ms: 1 } } })
    await settle()
    await stop()
    expect(calls).toEqual(['worker', { epoch: 7, signal: expect.any(AbortSignal) }, 'closed'])
  })

  it.for([
    ['throws', () => Promise.reject(new Error('down'))],
    ['throws at once', () => throwNow()],
    ['returns no promise', () => undefined as unknown as Promise<void>],
  ] as const)('ends although closing the store %s', async ([, close]) => {
    const store = storeWith(() => ({ close }))
    const { handler } = handlerOf(new Set())
    const { stop, settle, source } = startRun(handler, { retry, parking: { store, after: { ms: 1 } } })
    await settle()
    expect(await stop()).toMatchObject({ records: 0 })
    expect(source.detached).toEqual([])
  })

  it('does not complete a request if the store is damaged, so that the next run carries it out', async () => {
    const damaged = new StreamError('parking.failed', 'Damaged.', { name: 'worker', operation: 'park' })
    let isDamaged = false
    const store = storeWith((lease) => ({
      save: async (updates) => {
        if (isDamaged) throw damaged
        await lease.save(updates)
      },
    }))
    const { handler } = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, run } = startRun(handler, options, ofA(1))
    await clock.advance(2_000)
    isDamaged = true
    await store.release('worker', hashOf('a'))
    await clock.advance(5_000)
    expect(await clock.run(run.result.catch((reason: unknown) => reason))).toBe(damaged)
    const lease = await store.acquire('worker')
    expect(await lease.requests()).toMatchObject([{ action: 'release', keyHash: hashOf('a') }])
  })

  it('ends in time although the store does not respond: 10 s later than without parking', async () => {
    const store = storeWith(() => ({ save: () => new Promise(() => {}) }))
    const { handler } = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, run } = startRun(handler, options, ofA(1))
    await clock.advance(1_000)
    const stoppedAt = clock.monotonic()
    let endedAt = 0
    void run.finished.then(() => {
      endedAt = clock.monotonic()
    })
    void run.stop()
    await clock.advance(60_000)
    // drainTimeoutMs, abandonAfterMs, and the progress of released records. The checkpoint is saved at once.
    expect(endedAt - stoppedAt).toBe(15_000 + 2_000 + 10_000)
  })

  it('can be stopped while the store is being opened', async () => {
    const opening = deferred()
    const base = memoryParkingStore()
    const store: ParkingStore = {
      ...base,
      acquire: async (name, { signal } = {}) => {
        await Promise.race([
          opening.promise,
          new Promise((_, reject) => signal?.addEventListener('abort', reject)),
        ])
        return base.acquire(name)
      },
    }
    const { handler } = handlerOf(new Set())
    const { stop, settle } = startRun(handler, { retry, parking: { store, after: { ms: 1 } } }, ofA(1))
    await settle()
    expect(await stop()).toMatchObject({ records: 0 })
  })

  it('a record that is missing in the store ends the run, and a drop of its key continues without it', async () => {
    let isMissing = true
    const base = memoryParkingStore()
    const store: ParkingStore = {
      ...base,
      acquire: async (...args) => {
        const lease = await base.acquire(...args)
        return { ...lease, read: async (...read) => (isMissing ? [] : lease.read(...read)) }
      },
    }
    const broken = new Set(['a'])
    const { handler } = handlerOf(broken)
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const first = startRun(handler, options, ofA(2))
    await first.clock.advance(2_000)
    await store.release('worker', hashOf('a'))
    await first.clock.advance(6_000)
    const error = await first.clock.run(first.run.result.catch((reason: unknown) => reason))
    expect(error).toMatchObject({
      code: 'parking.failed',
      details: { operation: 'read', keyHash: hashOf('a') },
    })
    await store.drop('worker', hashOf('a'))
    isMissing = false
    const second = startRun(handler, options)
    await second.clock.advance(10_000)
    expect(second.eventsNamed('dropped')).toEqual([{ keyHash: hashOf('a'), records: 2 }])
    await second.clock.advance(600_000)
    expect(second.eventsNamed('returned')).toHaveLength(1)
    await second.stop()
  })
})

it('a key that returns while requests are carried out is not stored again', async () => {
  const counting = deferred()
  const [a, b] = [hashOf('a'), hashOf('b')]
  const store = storeWith((lease) => ({
    // Before a drop, the records that were parked after the request are counted.
    read: async (hash, after, limit) => {
      if (hash === b) await counting.promise
      return lease.read(hash, after, limit)
    },
    requests: async () => [...(await lease.requests())].sort((one) => (one.keyHash === a ? -1 : 1)),
  }))
  const handler = manualHandler()
  const options = { retry, parking: { store, after: { attempts: 1 } } }
  const { clock, source, stop, settle, eventsNamed } = startRun(handler, options, (from) => {
    from.write({ key: 'a' }, { key: 'b' })
  })
  await settle()
  handler.reject(1)
  handler.reject(2)
  await clock.advance(1_000)
  await store.release('worker', a)
  await clock.advance(5_000)
  expect(handler.calls).toEqual([1, 2, 1])
  // It is being released already, so the request changes nothing.
  await store.release('worker', a)
  await store.drop('worker', b)
  source.write({ key: 'b' })
  await clock.advance(5_000)
  handler.resolve(1)
  await clock.advance(1_000)
  counting.resolve()
  await clock.advance(5_000)
  expect(eventsNamed('returned')).toEqual([{ keyHash: a }])
  expect((await parkedIn(store)).map(({ key }) => key.keyHash)).toEqual([b])
  await stop()
})

describe('a drop during a release', () => {
  /** A run in which the first of five released records is being attempted when the others are dropped. */
  async function droppedRun() {
    const store = memoryParkingStore()
    const handler = manualHandler()
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const run = startRun(handler, options, ofA(5))
    await run.settle()
    handler.reject(1)
    await run.clock.advance(1_000)
    await store.release('worker', hashOf('a'))
    await run.clock.advance(5_000)
    await store.drop('worker', hashOf('a'))
    await run.clock.advance(5_000)
    expect(handler.calls).toEqual([1, 1])
    expect(run.eventsNamed('dropped')).toEqual([{ keyHash: hashOf('a'), records: 5 }])
    return { ...run, store, handler, options }
  }

  it('holds after a crash, also for records that were in memory', async () => {
    const { store, handler, options } = await droppedRun()
    expect((await parkedIn(store))[0]).toMatchObject({ key: { records: 0 }, numbers: [] })
    // No call of the first run follows, because the second one has acquired the store.
    const second = startRun(handler, options)
    await second.clock.advance(610_000)
    expect(handler.calls).toEqual([1, 1])
    expect(await parkedIn(store)).toEqual([])
    await second.stop()
  })

  it.for(['succeeds', 'fails'])('returns to the stream when the attempt that was running %s', async (how) => {
    const { store, handler, clock, source, stop, eventsNamed } = await droppedRun()
    if (how === 'succeeds') handler.resolve(1)
    else handler.reject(1)
    await clock.advance(5_000)
    expect(eventsNamed('returned')).toHaveLength(1)
    expect(await parkedIn(store)).toEqual([])
    source.write({ key: 'a' })
    await clock.advance(1_000)
    handler.resolve(6)
    expect(handler.calls).toEqual([1, 1, 6])
    await stop()
  })

  it('parks nothing when the dropped attempt fails: records that were parked after it are processed', async () => {
    const { store, handler, clock, source, run, stop, eventsNamed } = await droppedRun()
    source.write({ key: 'a' }, { key: 'a' })
    await clock.advance(2_000)
    handler.reject(1)
    await clock.advance(2_000)
    expect(eventsNamed('parked')).toHaveLength(1)
    expect(handler.calls).toEqual([1, 1, 6])
    handler.resolve(6)
    await clock.advance(2_000)
    handler.resolve(7)
    await clock.advance(2_000)
    expect(handler.calls).toEqual([1, 1, 6, 7])
    expect(await parkedIn(store)).toEqual([])
    const { records, parked, handled, discarded } = run.counters.live
    expect(records).toBe(parked + handled + discarded)
    await stop()
  })

  it('keeps the records that are parked after it, and their number and attempts', async () => {
    const { store, handler, clock, source, stop } = await droppedRun()
    source.write({ key: 'a' }, { key: 'a' })
    await clock.advance(2_000)
    expect((await parkedIn(store))[0]?.key).toMatchObject({ records: 2 })
    expect((await parkedIn(store))[0]?.key).not.toHaveProperty('progress')
    handler.resolve(1)
    await clock.advance(2_000)
    const [parked] = await parkedIn(store)
    expect(parked).toMatchObject({ key: { records: 2, progress: { attempts: 1, running: true } } })
    expect(parked?.numbers).toEqual([6, 7])
    handler.resolve(6)
    await clock.advance(2_000)
    expect(handler.calls).toEqual([1, 1, 6, 7])
    handler.resolve(7)
    await clock.advance(5_000)
    expect(await parkedIn(store)).toEqual([])
    await stop()
  })
})

describe('a key that an earlier run has parked', () => {
  /** A store with the records 1 to 3 of key a, in a state. */
  async function parkedStore(state: 'parked' | 'releasing'): Promise<ParkingStore> {
    const store = memoryParkingStore()
    const { handler } = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, stop } = startRun(handler, options, ofA(3))
    await clock.advance(2_000)
    await stop()
    if (state === 'releasing') await store.release('worker', hashOf('a'))
    return store
  }

  it('does not return before the stream was read up to the start of the run, so nothing is repeated', async () => {
    const store = await parkedStore('releasing')
    const { handler, handled } = handlerOf(new Set())
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, source, stop, eventsNamed } = startRun(handler, options, (from) => {
      from.lagMs = 3_600_000
    })
    await clock.advance(60_000)
    expect(handled).toEqual([1, 2, 3])
    expect(eventsNamed('returned')).toEqual([])
    // The checkpoint of the earlier run did not cover them.
    source.write({ key: 'a' }, { key: 'a' })
    await clock.advance(10_000)
    expect(eventsNamed('returned')).toEqual([])
    source.write({ key: 'a' }, { key: 'a' })
    await clock.advance(10_000)
    expect(eventsNamed('returned')).toHaveLength(1)
    expect(handled).toEqual([1, 2, 3, 4])
    expect(await stop()).toMatchObject({ records: 7, parked: 3, handled: 4 })
  })

  it('does not return before the stream was read up to when the store was acquired', async () => {
    const parked = await parkedStore('releasing')
    const acquiring = deferred()
    const store: ParkingStore = {
      ...parked,
      acquire: async (...args) => {
        await acquiring.promise
        return parked.acquire(...args)
      },
    }
    const { handler, handled } = handlerOf(new Set())
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, source, stop, eventsNamed } = startRun(handler, options, (from) => {
      from.lagMs = 40_000
    })
    // The former worker can park records until the store is acquired.
    await clock.advance(60_000)
    acquiring.resolve()
    await clock.advance(10_000)
    expect(handled).toEqual([1, 2, 3])
    expect(eventsNamed('returned')).toEqual([])
    source.write({ key: 'a' }, { key: 'a' }, { key: 'a' })
    await clock.advance(10_000)
    expect(handled).toEqual([1, 2, 3])
    expect(eventsNamed('returned')).toHaveLength(1)
    await stop()
  })

  it('returns without another record of the key once the lag shows that none can be redelivered', async () => {
    const store = await parkedStore('releasing')
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, source, stop, eventsNamed } = startRun(handlerOf(new Set()).handler, options, (from) => {
      from.lagMs = 3_600_000
    })
    await clock.advance(60_000)
    expect(eventsNamed('returned')).toEqual([])
    source.lagMs = 50_000
    // Listings can hide a shard with records of the key for minutes.
    await clock.advance(580_000)
    expect(eventsNamed('returned')).toEqual([])
    await clock.advance(20_000)
    expect(eventsNamed('returned')).toHaveLength(1)
    await stop()
  })

  it('returns at the end of the stream, before the run ends', async () => {
    const store = await parkedStore('releasing')
    const { handler, handled } = handlerOf(new Set())
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, run, eventsNamed } = startRun(handler, options, (from) => {
      from.lagMs = 3_600_000
      from.write({ key: 'b' })
      from.end()
    })
    expect(await clock.run(run.result)).toMatchObject({ handled: 4 })
    expect(handled.toSorted()).toEqual([1, 1, 2, 3])
    expect(eventsNamed('returned')).toHaveLength(1)
    expect(await parkedIn(store)).toEqual([])
  })

  it('does not keep a run open at the end of the stream if it is not released', async () => {
    const store = await parkedStore('parked')
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, run } = startRun(handlerOf(new Set()).handler, options, (from) => from.end())
    expect(await clock.run(run.result)).toMatchObject({ records: 0 })
    expect((await parkedIn(store))[0]?.numbers).toEqual([1, 2, 3])
  })

  it('keeps its records when it is not released: redelivered ones are settled, later ones are added', async () => {
    const store = await parkedStore('parked')
    const { handler, attempts } = handlerOf(new Set())
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, stop } = startRun(handler, options, ofA(5))
    await clock.advance(10_000)
    expect(attempts).toEqual([])
    expect((await parkedIn(store))[0]?.numbers).toEqual([1, 2, 3, 4, 5])
    expect(await stop()).toMatchObject({ records: 5, parked: 5 })
  })

  it('waits with its return until the checkpoint can be saved; records that arrive are processed in order', async () => {
    const store = await parkedStore('releasing')
    const { handler, handled } = handlerOf(new Set())
    const options = { retry, parking: { store, after: { attempts: 1 } } }
    const { clock, source, stop, eventsNamed } = startRun(handler, options, (from) => {
      from.write({ key: 'a' }, { key: 'a' }, { key: 'a' })
      from.beforeSave = () =>
        Promise.reject(new StreamError('checkpoint.failed', 'Down.', { name: 'worker', operation: 'save' }))
    })
    await clock.advance(10_000)
    source.write({ key: 'a' })
    await clock.advance(20_000)
    expect(eventsNamed('returned')).toEqual([])
    expect(handled).toEqual([1, 2, 3, 4])
    source.beforeSave = async () => {}
    await clock.advance(10_000)
    expect(eventsNamed('returned')).toHaveLength(1)
    expect(handled).toEqual([1, 2, 3, 4])
    await stop()
  })

  it('has the attempts of its release after a restart in the middle of it', async () => {
    const store = await parkedStore('releasing')
    const failing = handlerOf(new Set(['a']))
    const options = { retry, parking: { store, after: { attempts: 4 } } }
    const first = startRun(failing.handler, options)
    await first.clock.advance(1_100)
    await first.stop()
    const second = startRun(failing.handler, options)
    await second.clock.advance(10_000)
    expect(failing.attempts).toEqual([1, 2, 3, 4])
    expect(second.eventsNamed('parked')).toMatchObject([{ attempts: 4, sequenceNumber: '1' }])
    await second.stop()
  })
})
