import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { parseToken } from '../../../src/position/parse-token.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { type Delivery, type RecordProgress, ShardLedger } from '../../../src/shards/shard-ledger.ts'
import { asStreamRecord, deliver, entry, load, recordsOf, type SavedShard, save } from './settlement-model.ts'

const failed: RecordProgress = {
  attempts: 2,
  since: 5_000,
  isRunning: false,
  finishedTasks: ['index'],
  error: { name: 'Error', code: 'ETIMEDOUT' },
}

/** Delivers records 7, 10, 13, … with these keys, and tracks them. */
function worker(keys: string, { byKey = true, from = load({ after: undefined }), skip = 0 } = {}) {
  const progress = new Map<string, RecordProgress>()
  const records = recordsOf([...keys]).slice(skip)
  const deliveries = new Map<string, Delivery>()
  for (const [index, delivery] of deliver(from, records).entries()) {
    const { sequenceNumber, itemKey } = records[index] as (typeof records)[number]
    if (!delivery) continue
    deliveries.set(sequenceNumber, delivery)
    delivery.track({
      itemKey: byKey ? itemKey : undefined,
      progress: () => progress.get(sequenceNumber),
    })
  }
  const settle = (...numbers: number[]) => {
    for (const number of numbers) deliveries.get(String(number))?.settle()
  }
  return { ledger: from, progress, settle, delivered: [...deliveries.keys()].map(Number), deliveries }
}

it('records before the last processed one are covered by a token, except for the keys of unsettled ones', () => {
  const { ledger, settle } = worker('abacab')
  settle(10, 16, 22)
  expect(save(ledger, undefined)).toEqual({ after: undefined, through: '22', unsettled: [entry('7', 'a')] })
  const restarted = worker('abacab', { from: load(save(ledger, undefined)) })
  expect(restarted.delivered).toEqual([7, 13, 19])
})

it('an entry without a key covers only its own record', () => {
  const { ledger, settle } = worker('aaaa', { byKey: false })
  settle(10, 16)
  const token = save(ledger, undefined)
  expect(token).toEqual({ through: '16', unsettled: [entry('7'), entry('13')] })
  expect(worker('aaaa', { from: load(token) }).delivered).toEqual([7, 13])
})

it('a filtered record does not count as processed, so that the records before it get no entries', () => {
  const { ledger, deliveries } = worker('abc')
  expect(deliveries.get('13')?.settle('filtered')).toBe(true)
  expect(save(ledger, undefined)).toEqual({ after: undefined })
  deliveries.get('7')?.settle('filtered')
  deliveries.get('10')?.settle('filtered')
  expect(save(ledger, undefined)).toEqual({ after: '13' })
})

it('a record whose processing was attempted has an entry even if no later record is settled', () => {
  const { ledger, progress } = worker('ab')
  progress.set('10', { ...failed, isRunning: true })
  expect(save(ledger, undefined)).toEqual({
    unsettled: [
      entry('10', 'b', {
        attempts: 2,
        since: 5_000,
        running: true,
        done: ['index'],
        error: { name: 'Error', code: 'ETIMEDOUT' },
      }),
    ],
  })
})

it('a record with attempts keeps them although an earlier record covers its key', () => {
  const { ledger, progress, settle } = worker('abab')
  progress.set('13', failed)
  progress.set('16', { ...failed, attempts: 0, finishedTasks: [], isRunning: true })
  settle(10)
  const token = save(ledger, undefined)
  const own = { ...entry('13'), attempts: 2, since: 5_000, done: ['index'], error: failed.error }
  expect(token).toMatchObject({ unsettled: [entry('7', 'a'), own, { from: '16', running: true }] })
  const resumed = deliver(load(token), recordsOf([...'abab'])).map((delivery) => delivery?.resumed?.attempts)
  expect(resumed).toEqual([undefined, undefined, 2, 0])
  const restarted = worker('ababa', { from: load(token) })
  expect(restarted.delivered).toEqual([7, 13, 16, 19])
  restarted.settle(16)
  expect(worker('ababa', { from: load(save(restarted.ledger, undefined)) }).delivered).toEqual([7, 13, 19])
})

it('attempts that were given back leave no entry, unless the record was overtaken', () => {
  const { ledger, progress, settle } = worker('ab')
  progress.set('7', { ...failed, attempts: 0, finishedTasks: [], error: undefined })
  expect(save(ledger, undefined)).toEqual({ after: undefined })
  settle(10)
  expect(save(ledger, undefined).unsettled).toEqual([entry('7', 'a')])
})

it('a plain loop keeps the attempts, tasks and errors of a loaded token', () => {
  const running = entry('7', 'a', { attempts: 3, since: 9, running: true, done: ['x'], error: { name: 'E' } })
  const token: SavedShard = { after: '4', unsettled: [running] }
  const ledger = load(token)
  const [first] = deliver(ledger, recordsOf(['a', 'b']))
  expect(first?.resumed).toEqual({
    attempts: 3,
    since: 9,
    isRunning: true,
    finishedTasks: ['x'],
    error: { name: 'E' },
  })
  const { key: _, ...single } = running
  expect(save(ledger, '4')).toEqual({ after: '4', unsettled: [single] })
  first?.settle()
  expect(save(ledger, '4')).toEqual({ after: '7' })
})

it('an attempted record is no longer running once its tracker says so', () => {
  const ledger = load({ after: '4', unsettled: [entry('7', 'a', { attempts: 1, running: true })] })
  const [first] = deliver(ledger, recordsOf(['a']))
  first?.track({ itemKey: 'a', progress: () => ({ ...failed, attempts: 1 }) })
  expect(save(ledger, '4').unsettled?.[0]).not.toHaveProperty('running')
})

it('a run by key does not repeat what a run without order before it on the same stream has processed', () => {
  const { ledger, deliveries, settle } = worker('aaa', { byKey: false })
  settle(10)
  for (const [number, delivery] of deliveries) {
    if (number !== '10') delivery.track({ itemKey: 'a', progress: () => undefined })
  }
  const token = save(ledger, undefined)
  expect(token).toEqual({ through: '10', unsettled: [entry('7')] })
  expect(worker('aaa', { from: load(token) }).delivered).toEqual([7, 13])
})

it('a crash during a recovery does not repeat the records that were processed in it', () => {
  const first = worker('abac')
  first.settle(16)
  const token = save(first.ledger, undefined)
  expect(token.unsettled).toEqual([entry('7', 'a'), entry('10', 'b')])
  // Records 7 and 10 arrive; 10 is processed, but 16, up to which the token applies, has not arrived yet.
  const second = worker('ab', { from: load(token) })
  second.settle(10)
  const saved = save(second.ledger, undefined)
  expect(saved).toEqual({ through: '16', unsettled: [entry('7', 'a'), entry('11', 'b')] })
  const third = worker('abacb', { from: load(saved) })
  expect(third.delivered).toEqual([7, 13, 19])
})

it('a crash during a recovery keeps the entries of the records that have not arrived yet', () => {
  const unsettled = [
    entry('7', 'a'),
    entry('13'),
    entry('16', 'c', { attempts: 4 }),
    entry('40', 'd', { attempts: 1 }),
  ]
  const token: SavedShard = { after: '4', through: '19', unsettled }
  const { ledger, settle } = worker('ab', { from: load(token) })
  settle(7)
  expect(save(ledger, '4')).toEqual({
    after: '10',
    through: '19',
    unsettled: [entry('11', 'a'), entry('13'), unsettled[2], unsettled[3]],
  })
})

it('a record that a token names does not cover later records of its key, in whatever order it is processed', () => {
  const unordered = worker('aaab', { byKey: false })
  unordered.settle(13, 16)
  unordered.deliveries.get('7')?.settle()
  const token = save(unordered.ledger, undefined)
  expect(token).toEqual({ after: '7', through: '16', unsettled: [entry('10')] })
  const byKey = worker('aaabba', { from: load(token), skip: 1 })
  expect(byKey.delivered).toEqual([10, 19, 22])
  byKey.settle(19)
  expect(save(byKey.ledger, '7')).toEqual({ after: '7', through: '19', unsettled: [entry('10')] })
})

it('a token by key that is continued without order has an entry for each record, and the key of later ones', () => {
  const byKey = worker('abaca')
  byKey.settle(16)
  const token = save(byKey.ledger, undefined)
  const unordered = worker('aba', { byKey: false, from: load(token) })
  unordered.settle(13)
  expect(save(unordered.ledger, undefined)).toEqual({
    through: '16',
    unsettled: [entry('7'), entry('10'), entry('14', 'a'), entry('14', 'b')],
  })
})

it('a loaded token that is not used is saved unchanged', () => {
  const token: SavedShard = {
    after: '4',
    through: '20',
    unsettled: [entry('10', 'b'), entry('7'), entry('30', 'a', { attempts: 1, error: { name: 'E' } })],
  }
  const ledger = load(token)
  expect(save(ledger, '4')).toEqual(token)
  expect([ledger.hasUnsettled, ledger.isResuming, ledger.delivered]).toEqual([true, true, undefined])
})

it('entries that are left when a shard is finished are dropped and counted as lost', () => {
  const ledger = load({ after: '4', through: '20', unsettled: [entry('10'), entry('12', 'a')] })
  deliver(ledger, recordsOf(['z']))
  ledger.finish()
  expect([ledger.lostUnsettled, ledger.isResuming]).toEqual([2, false])
})

it('after a gap, entries before the first record that arrives are lost, but a key is still covered', () => {
  const ledger = load({
    after: '4',
    through: '16',
    unsettled: [entry('5'), entry('6', 'a', { attempts: 3 }), entry('13')],
  })
  ledger.continueAfterGap()
  const delivered = deliver(ledger, recordsOf([...'bacd']).slice(1))
  expect(delivered.map((delivery) => delivery?.sequenceNumber)).toEqual(['10', '13', undefined])
  expect(delivered[0]?.resumed).toBeUndefined()
  expect(ledger.lostUnsettled).toBe(2)
})

it('a gap keeps the records that are being processed, and their place in the token', () => {
  const { ledger, settle, deliveries } = worker('ab')
  settle(7)
  ledger.continueAfterGap()
  expect([ledger.delivered, ledger.acknowledged, ledger.hasUnsettled]).toEqual([undefined, '7', true])
  deliveries.get('10')?.settle()
  // The position is the oldest retained record now, which says nothing about the records before the gap.
  expect(save(ledger, undefined)).toEqual({ after: undefined })
})

it('a settlement after the shard was read again changes nothing', () => {
  const old = worker('ab')
  const token = save(old.ledger, undefined)
  const fresh = worker('ab', { from: load(token) })
  old.settle(7, 10)
  expect(fresh.ledger.oldestUnsettled).toMatchObject({ sequenceNumber: '7' })
  expect(fresh.ledger.acknowledged).toBeUndefined()
})

it('the keys of records are not hashed unless an entry with a key may apply', () => {
  const ledger = load({ after: '4', through: '20', unsettled: [entry('13', 'c'), entry('7')] })
  const withoutKey = (sequenceNumber: string) =>
    Object.defineProperty(asStreamRecord({ sequenceNumber, itemKey: '' }), 'itemKey', {
      get: () => expect.unreachable('the key was read'),
    })
  expect(ledger.deliverUnlessSettled(withoutKey('7'), '7')).toBeDefined()
  expect(ledger.deliverUnlessSettled(withoutKey('10'), '10')).toBeUndefined()
  expect(
    ledger.deliverUnlessSettled(asStreamRecord({ sequenceNumber: '13', itemKey: 'c' }), '13'),
  ).toBeDefined()
  expect(ledger.deliverUnlessSettled(withoutKey('23'), '23')).toBeDefined()
  expect(ledger.isResuming).toBe(false)
})

it('a record that blocks a shard does not keep the settled records after it in memory', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const ledger = new ShardLedger()
  const blocked = ledger.deliver(asStreamRecord({ sequenceNumber: '1', itemKey: 'a' }), '1')
  const deliverAndSettle = (number: number): WeakRef<object> => {
    const sequenceNumber = String(number)
    const delivery = ledger.deliver(asStreamRecord({ sequenceNumber, itemKey: 'b' }), sequenceNumber)
    delivery.settle()
    return new WeakRef(delivery.record)
  }
  const settled = Array.from({ length: 100 }, (_, index) => deliverAndSettle(2 + index))
  // A WeakRef keeps its target until the end of the current turn.
  await nextTurn()
  collectGarbage()
  expect(settled.filter((record) => record.deref() !== undefined)).toEqual([])
  expect(blocked.isSettled).toBe(false)
  expect(save(ledger, undefined).unsettled).toHaveLength(1)
})

it('what a tracker reports cannot make a token that is refused when it is loaded', () => {
  const { ledger, progress } = worker('a')
  progress.set('7', {
    attempts: 1e12,
    since: -5.5,
    isRunning: true,
    finishedTasks: Array.from({ length: 200 }, (_, index) => `task-${index}`),
    error: { name: `${'x'.repeat(199)}\u{1f600}`, code: '\ud800' },
  })
  const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'
  const { unsettled = [] } = save(ledger, undefined)
  const token = { version: 1, streamArn, shards: [{ shardId: 'a', at: 'start', unsettled }] }
  let refused: unknown
  try {
    expect(parseToken(JSON.stringify(token)).shards[0]?.unsettled?.[0]).toMatchObject({
      from: '7',
      key: hashItemKey('a'),
      attempts: 1e9,
      since: 0,
    })
  } catch (error) {
    refused = isStreamError(error) ? error.message : error
  }
  expect(refused).toBeUndefined()
})
