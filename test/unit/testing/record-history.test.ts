import { AssertionError } from 'node:assert'
import { describe, expect, test } from 'vitest'
import { Coordinator, type StreamToken } from '../../../src/index.ts'
import {
  type EmulatedRecord,
  type Item,
  type StreamEmulator,
  trackConsumer,
} from '../../../src/testing/index.ts'
import { root, setUp } from './helpers.ts'

function put(emulator: StreamEmulator, item: Item): EmulatedRecord {
  const record = emulator.put(item)
  if (!record) throw new Error('nothing changed')
  return record
}

/** Two records in the root shard, and two of the same items in its only child. */
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

test('a consumer that processed everything in order is complete', () => {
  const { emulator, p1, p2, c1, c2 } = parentAndChild()
  const history = trackConsumer(emulator)
  for (const record of [p1, p2, c1, c2]) history.processed(record)
  history.expectComplete()
  expect(history.report()).toEqual({ ...clean, written: 4, delivered: 4, restarts: 0 })
})

test('what was not processed is lost, and named', () => {
  const { emulator, p1, p2, c1, c2 } = parentAndChild()
  const history = trackConsumer(emulator)
  for (const record of [p1, p2, c1]) history.processed(record)
  expect(history.report()).toMatchObject({ ...clean, lost: [c2] })
  expect(() => history.expectComplete()).toThrow(AssertionError)
  expect(() => history.expectComplete()).toThrow(
    `3 processed, 4 to be processed:\n  1 never processed\n    INSERT of {"id":"c"}: ${c2.sequenceNumber} in ${c2.shardId}`,
  )
  history.processed(c2)
  history.expectComplete()
})

test('a loop that is followed has processed what it came back from', async () => {
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

test('what is written while the consumer runs is to be processed too', () => {
  const { emulator } = setUp()
  const history = trackConsumer(emulator)
  history.expectComplete()
  const late = put(emulator, { id: 'a' })
  expect(history.report().lost).toEqual([late])
})

test('a child that comes before its parent is done is told once', () => {
  const { emulator, p1, p2, c1, c2 } = parentAndChild()
  const history = trackConsumer(emulator)
  for (const record of [p1, c1, c2, p2]) history.processed(record)
  expect(history.report()).toMatchObject({ ...clean, beforeParent: [{ sequenceNumber: c1.sequenceNumber }] })
  expect(() => history.expectComplete()).toThrow('1 processed before all of its parent shard was')
})

test('a grandchild waits for all of its ancestors', () => {
  const { emulator } = setUp()
  const first = put(emulator, { id: 'a' })
  emulator.roll()
  emulator.roll()
  const last = put(emulator, { id: 'b' })
  const history = trackConsumer(emulator)
  for (const record of [last, first]) history.processed(record)
  expect(history.report().beforeParent).toHaveLength(1)
})

test('order is kept by item and by shard', () => {
  const { emulator } = setUp()
  const records = ['a', 'b', 'c'].map((id) => put(emulator, { id }))
  const history = trackConsumer(emulator)
  for (const record of [records[0], records[2], records[1]]) if (record) history.processed(record)
  expect(history.report()).toMatchObject({
    ...clean,
    outOfOrder: [{ sequenceNumber: records[1]?.sequenceNumber }],
  })
})

test('what was never written is told', () => {
  const { emulator } = setUp()
  const history = trackConsumer(emulator)
  history.processed({ shardId: 'shardId-x', sequenceNumber: '1' })
  expect(() => history.expectComplete()).toThrow('1 processed, though it was never written')
})

test('many faults of a kind are counted, and the first ones named', () => {
  const { emulator } = setUp()
  emulator.fill({ records: 8 })
  expect(() => trackConsumer(emulator).expectComplete()).toThrow(
    /8 never processed\n( {4}INSERT.*\n){5} {4}… and 3 more$/,
  )
})

describe('a consumer that is started again', () => {
  test('without a restart nothing may come twice', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p1, p2, p2, c1, c2]) history.processed(record)
    expect(history.report()).toMatchObject({ ...clean, repeated: [{ sequenceNumber: p2.sequenceNumber }] })
  })

  test('may repeat what its checkpoint does not cover, and nothing else', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p1, p2, c1]) history.processed(record)
    history.restarted(tokenAfter(emulator, p1))
    for (const record of [p2, c1, c2]) history.processed(record)
    history.expectComplete()
    history.restarted(JSON.stringify(tokenAfter(emulator, c1)))
    // The child is in the token, so its parent is done.
    for (const record of [p2, c1, c2]) history.processed(record)
    expect(history.report()).toMatchObject({
      ...clean,
      restarts: 2,
      repeated: [{ sequenceNumber: p2.sequenceNumber }, { sequenceNumber: c1.sequenceNumber }],
    })
    expect(() => history.expectComplete()).toThrow('9 processed, 4 to be processed, with 2 restarts')
  })

  test('may repeat anything where nobody says at what it started', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p1, p2]) history.processed(record)
    history.restarted()
    for (const record of [p1, p2, c1, c2]) history.processed(record)
    history.expectComplete()
  })

  test('repeats in order, parents first', () => {
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

  test('does not make up for what came too early in an earlier life', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator)
    for (const record of [p2]) history.processed(record)
    history.restarted()
    for (const record of [p1, p2, c1, c2]) history.processed(record)
    expect(history.report()).toMatchObject({ ...clean, outOfOrder: [{ sequenceNumber: p1.sequenceNumber }] })
  })

  test('is told by a token, or refused', () => {
    const { emulator } = setUp()
    expect(() => trackConsumer(emulator).restarted({ version: 2 })).toThrow(
      expect.objectContaining({ code: 'token.invalid' }),
    )
  })
})

describe('asked for is', () => {
  test('after a token only what it does not cover, also in the heirs of its shards', () => {
    const { emulator, p1, p2, c1, c2 } = parentAndChild()
    const history = trackConsumer(emulator, { startAt: tokenAfter(emulator, p1) })
    expect(history.report().lost).toEqual([p2, c1, c2])
    const end = { ...tokenAfter(emulator), shards: [{ shardId: p1.shardId, at: { end: null } }] } as const
    expect(trackConsumer(emulator, { startAt: end }).report().lost).toEqual([c1, c2])
    const start = { ...tokenAfter(emulator), shards: [{ shardId: c1.shardId, at: 'start' }] } as const
    expect(trackConsumer(emulator, { startAt: start }).report().lost).toEqual([c1, c2])
  })

  test('from a time on what was created in that second or later, also through a token', () => {
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

  test('at latest what is written from now on', () => {
    const { emulator } = setUp()
    const before = put(emulator, { id: 'a' })
    const history = trackConsumer(emulator, { startAt: 'latest' })
    const after = put(emulator, { id: 'b' })
    // Those of the last second may come as well.
    history.processed(before)
    history.processed(after)
    history.expectComplete()
    expect(history.report().written).toBe(1)
  })

  test('not what was trimmed in time, which is told apart', () => {
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

  test('the stream of the start, and with followTable those that come after it', () => {
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

test('the library keeps everything through a split, a reload and an expired iterator', async () => {
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
