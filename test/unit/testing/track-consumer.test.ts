import { AssertionError } from 'node:assert'
import { describe, expect, test } from 'vitest'
import { Coordinator, type StreamToken } from '../../../src/index.ts'
import {
  type EmulatedRecord,
  type Item,
  type StreamEmulator,
  trackConsumer,
} from '../../../src/testing/index.ts'
import { takeAll, trackByKey } from '../../support/unsettled.ts'
import { root, setUp } from './helpers.ts'

function put(emulator: StreamEmulator, item: Item): EmulatedRecord {
  const record = emulator.put(item)
  if (!record) throw new Error('The write changed nothing')
  return record
}

/** Creates two records in the root shard and two in its only child, which share the item a. */
function parentAndChild() {
  const { emulator, clock } = setUp()
  const p1 = put(emulator, { id: 'a', n: 1 })
  const p2 = put(emulator, { id: 'b', n: 1 })
  emulator.roll()
  const c1 = put(emulator, { id: 'a', n: 2 })
  const c2 = put(emulator, { id: 'c', n: 1 })
  return { emulator, clock, p1, p2, c1, c2 }
}

function tokenAfter(emulator: StreamEmulator, ...records: EmulatedRecord[]): StreamToken {
  return {
    version: 1,
    streamArn: emulator.streamArn,
    shards: records.map(({ shardId, sequenceNumber }) => ({ shardId, at: { after: sequenceNumber } })),
  }
}

const clean = { lost: [], trimmed: [], repeated: [], outOfOrder: [], beforeParent: [], unknown: [] }

test('expectComplete() accepts a consumer that processed every record in order', () => {
  const { emulator, p1, p2, c1, c2 } = parentAndChild()
  const history = trackConsumer(emulator)
  for (const record of [p1, p2, c1, c2]) history.processed(record)
  history.expectComplete()
  expect(history.report()).toEqual({ ...clean, written: 4, delivered: 4, restarts: 0 })
})

test('a record that was not processed is reported as lost, with its key', () => {
  const { emulator, p1, p2, c1, c2 } = parentAndChild()
  const history = trackConsumer(emulator)
  for (const record of [p1, p2, c1]) history.processed(record)
  expect(history.report()).toMatchObject({ ...clean, lost: [c2] })
  expect(() => history.expectComplete()).toThrow(AssertionError)
  expect(() => history.expectComplete()).toThrow(
    `3 processed, 4 expected:\n  1 never processed\n    INSERT of {"id":"c"}: ${c2.sequenceNumber} in ${c2.shardId}`,
  )
  history.processed(c2)
  history.expectComplete()
})

test('follow() reports a record as processed when the loop asks for the next one', async () => {
  const { emulator, p1, p2, c1, c2 } = parentAndChild()
  const history = trackConsumer(emulator)
  const records = async function* () {
    yield* [p1, p2, c1]
  }
  const seen: EmulatedRecord[] = []
  for await (const record of history.follow(records())) {
    seen.push(record)
    if (record === c1) break
  }
  expect(seen).toEqual([p1, p2, c1])
  expect(history.report().lost).toEqual([c1, c2])
})

test('records that are written while the consumer runs are expected too', () => {
  const { emulator } = setUp()
  const history = trackConsumer(emulator)
  history.expectComplete()
  const late = put(emulator, { id: 'a' })
  expect(history.report().lost).toEqual([late])
})

test('a child that is processed before the end of its parent is reported once', () => {
  const { emulator, p1, p2, c1, c2 } = parentAndChild()
  const history = trackConsumer(emulator)
  for (const record of [p1, c1, c2, p2]) history.processed(record)
  expect(history.report()).toMatchObject({ ...clean, beforeParent: [{ sequenceNumber: c1.sequenceNumber }] })
  expect(() => history.expectComplete()).toThrow('1 processed before the end of the parent shard')
})

test('a grandchild that is processed before its ancestors is reported', () => {
  const { emulator } = setUp()
  const first = put(emulator, { id: 'a' })
  emulator.roll()
  emulator.roll()
  const last = put(emulator, { id: 'b' })
  const history = trackConsumer(emulator)
  for (const record of [last, first]) history.processed(record)
  expect(history.report().beforeParent).toHaveLength(1)
})

test('a record that is processed after a later one of its shard is reported as out of order', () => {
  const { emulator } = setUp()
  const records = ['a', 'b', 'c'].map((id) => put(emulator, { id }))
  const history = trackConsumer(emulator)
  for (const record of [records[0], records[2], records[1]]) if (record) history.processed(record)
  expect(history.report()).toMatchObject({
    ...clean,
    outOfOrder: [{ sequenceNumber: records[1]?.sequenceNumber }],
  })
})

test('a record that was never written is reported', () => {
  const { emulator } = setUp()
  const history = trackConsumer(emulator)
  history.processed({ shardId: 'shardId-x', sequenceNumber: '1' })
  expect(() => history.expectComplete()).toThrow('1 processed but never written')
})

test('a message with many faults of a kind contains their number and the first five', () => {
  const { emulator } = setUp()
  emulator.fill({ records: 8 })
  expect(() => trackConsumer(emulator).expectComplete()).toThrow(
    /8 never processed\n( {4}INSERT.*\n){5} {4}… and 3 more$/,
  )
})

describe('restarts', () => {
  test('a record that is processed again without a restart is reported as repeated', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p1, p2, p2, c1, c2]) history.processed(record)
    expect(history.report()).toMatchObject({ ...clean, repeated: [{ sequenceNumber: p2.sequenceNumber }] })
  })

  test('a restarted consumer can repeat only the records that its checkpoint does not cover', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p1, p2, c1]) history.processed(record)
    history.restarted(tokenAfter(emulator, p1))
    for (const record of [p2, c1, c2]) history.processed(record)
    history.expectComplete()
    history.restarted(JSON.stringify(tokenAfter(emulator, c1)))
    // The token contains the child, so it covers the parent.
    for (const record of [p2, c1, c2]) history.processed(record)
    expect(history.report()).toMatchObject({
      ...clean,
      restarts: 2,
      repeated: [{ sequenceNumber: p2.sequenceNumber }, { sequenceNumber: c1.sequenceNumber }],
    })
    expect(() => history.expectComplete()).toThrow('9 processed, 4 expected, 2 restarts')
  })

  test('a consumer that is restarted with an unknown checkpoint can repeat every record', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p1, p2]) history.processed(record)
    history.restarted()
    for (const record of [p1, p2, c1, c2]) history.processed(record)
    history.expectComplete()
  })

  test('a restarted consumer must repeat records in order, parents first', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p1, p2, c1, c2]) history.processed(record)
    history.restarted(tokenAfter(emulator, p1))
    for (const record of [c2, c1, p2]) history.processed(record)
    expect(history.report()).toMatchObject({
      ...clean,
      outOfOrder: [{ sequenceNumber: c1.sequenceNumber }],
      beforeParent: [{ sequenceNumber: c2.sequenceNumber }],
    })
  })

  test('a record that was skipped before a restart is reported as out of order after it', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p2]) history.processed(record)
    history.restarted()
    for (const record of [p1, p2, c1, c2]) history.processed(record)
    expect(history.report()).toMatchObject({ ...clean, outOfOrder: [{ sequenceNumber: p1.sequenceNumber }] })
  })

  test('restarted() refuses an invalid token', () => {
    const { emulator } = setUp()
    expect(() => trackConsumer(emulator).restarted({ version: 2 })).toThrow(
      expect.objectContaining({ code: 'token.invalid' }),
    )
  })
})

describe('expected records', () => {
  test('a consumer that starts at a token has to process the records that the token does not cover', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator, { startAt: tokenAfter(emulator, p1) })
    expect(history.report().lost).toEqual([p2, c1, c2])
    const end = { ...tokenAfter(emulator), shards: [{ shardId: p1.shardId, at: { end: null } }] } as const
    expect(trackConsumer(emulator, { startAt: end }).report().lost).toEqual([c1, c2])
    const start = { ...tokenAfter(emulator), shards: [{ shardId: c1.shardId, at: 'start' }] } as const
    expect(trackConsumer(emulator, { startAt: start }).report().lost).toEqual([c1, c2])
  })

  test('a consumer that starts at a time has to process the records created in that second or later', () => {
    const { emulator, clock } = setUp()
    put(emulator, { id: 'a' })
    const parent = root(emulator).shardId
    clock.jump(10_000)
    const since = clock.now() + 300
    const b = put(emulator, { id: 'b' })
    emulator.roll()
    const c = put(emulator, { id: 'c' })
    expect(trackConsumer(emulator, { startAt: new Date(since) }).report().lost).toEqual([b, c])
    const token = { ...tokenAfter(emulator), shards: [{ shardId: parent, at: { since: since + 1_000 } }] }
    expect(trackConsumer(emulator, { startAt: token }).report().lost).toEqual([])
  })

  test('a consumer that starts at latest has to process the records written from then on', () => {
    const { emulator } = setUp()
    const before = put(emulator, { id: 'a' })
    const history = trackConsumer(emulator, { startAt: 'latest' })
    const after = put(emulator, { id: 'b' })
    // Records of the last second can be delivered too.
    history.processed(before)
    history.processed(after)
    history.expectComplete()
    expect(history.report().written).toBe(1)
  })

  test('trimmed records are not expected, and those trimmed after the start are reported separately', () => {
    const { emulator } = setUp()
    const [a, b, c] = ['a', 'b', 'c'].map((id) => put(emulator, { id })) as [
      EmulatedRecord,
      EmulatedRecord,
      EmulatedRecord,
    ]
    emulator.trim({ shard: a.shardId, through: a.sequenceNumber })
    const history = trackConsumer(emulator)
    emulator.trim({ shard: b.shardId, through: b.sequenceNumber })
    history.processed(c)
    history.expectComplete()
    expect(history.report()).toMatchObject({ ...clean, written: 2, trimmed: [b] })
  })

  test('records of later streams are expected only with followTable', () => {
    const { emulator } = setUp()
    put(emulator, { id: 'a' })
    emulator.disable()
    emulator.enable()
    const second = put(emulator, { id: 'b' })
    const [one, all] = [trackConsumer(emulator), trackConsumer(emulator, { followTable: true })]
    emulator.disable()
    emulator.enable()
    const third = put(emulator, { id: 'c' })
    expect(one.report().lost).toEqual([second])
    expect(all.report().lost).toEqual([second, third])
  })
})

test('a Coordinator processes every record across a split, a reload and an expired iterator', async () => {
  const { emulator, clock } = setUp({ shards: 2 })
  emulator.fill({ records: 20 })
  emulator.split()
  emulator.fill({ records: 20 })
  emulator.on('GetRecords', { nth: 3 }, { fail: 'ExpiredIteratorException' })
  const open = () =>
    new Coordinator({ client: emulator.api, streamArn: emulator.streamArn, clock, random: () => 0.5 })
  const history = trackConsumer(emulator)
  const first = open()
  await clock.run(first.moveTo('trim_horizon'))
  let token: StreamToken | undefined
  for (let n = 0; n < 15; n++) {
    const record = await clock.run(first.next())
    if (record) history.processed(record)
    if (n === 9) token = first.token
  }
  history.restarted(token)
  const second = open()
  if (token) await clock.run(second.moveTo(token))
  for (let record = await clock.run(second.next()); record; record = await clock.run(second.next())) {
    history.processed(record)
  }
  history.expectComplete()
  expect(history.report()).toMatchObject({ written: 40, delivered: 45, restarts: 1 })
  expect(emulator.log.some(({ op }) => op === 'consumerRestarted')).toBe(true)
})

test('a record without a time counts as created when it was written', () => {
  const { emulator, clock } = setUp({ behavior: { timestamps: 'missing' } })
  put(emulator, { id: 'a' })
  clock.jump(60_000)
  const since = clock.now()
  const b = put(emulator, { id: 'b' })
  const history = trackConsumer(emulator, { startAt: new Date(since) })
  expect(history.report().lost).toEqual([b])
})

test('a restart from a token with an unsettled key may repeat the records of that key, and no others', async () => {
  const { emulator, clock } = setUp()
  const written = ['a', 'b', 'a', 'b'].map((id, n) => put(emulator, { id, n }))
  const coordinator = new Coordinator({ client: emulator.api, streamArn: emulator.streamArn, clock })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const deliveries = await takeAll(coordinator, clock)
  trackByKey(deliveries)
  for (const index of [1, 3]) deliveries[index]?.settle()
  const { token } = coordinator
  const repeating = (again: typeof written) => {
    const history = trackConsumer(emulator)
    for (const record of written) history.processed(record)
    history.restarted(token)
    for (const record of again) history.processed(record)
    return history.report().repeated.length
  }
  expect(repeating(written.filter((_, index) => index % 2 === 0))).toBe(0)
  expect(repeating(written.filter((_, index) => index % 2 === 1))).toBe(2)
})
