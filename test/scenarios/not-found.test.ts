import { expect, it } from 'vitest'
import type { StreamRecord } from '../../src/index.ts'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { readFor } from '../support/read-for.ts'

const MINUTE = 60_000
const ALWAYS = { times: Number.POSITIVE_INFINITY }
const NOT_FOUND = { fail: 'ResourceNotFoundException' }

const calls = ['GetShardIterator', 'GetRecords'] as const
const cases = calls.flatMap((call) =>
  [1, 5].flatMap((times) => (['throw', 'continue'] as const).map((onGap) => [times, call, onGap] as const)),
)

it.each(cases)(
  'a new shard is read to its end although the first %i calls of %s do not find it (onGap %s)',
  async (times, call, onGap) => {
    const { clock, emulator, open, write } = emulatedTable()
    write(1)
    const coordinator = open({ onGap })
    const gaps = collectEvents(coordinator, 'gap')
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    const child = emulator.roll()
    emulator.on(call, { shard: child, times }, NOT_FOUND)
    const written = write(5)
    expect(await readFor(coordinator, clock, 30_000)).toEqual(written)
    expect(gaps).toEqual([])
  },
)

it('a young shard is not given up after two spurious not-found errors with a pause of the consumer between them', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const coordinator = open()
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  const written = write(2)
  const { shardId } = emulator.roll()
  emulator.on('GetShardIterator', { shard: shardId }, NOT_FOUND)
  const first = numbersOf([(await clock.run(coordinator.next())) as StreamRecord])
  // The first error has arrived, and is not retried yet because the consumer is processing the first record.
  await clock.advance(10)
  expect(emulator.log.filter(({ error }) => error === NOT_FOUND.fail)).toHaveLength(1)
  emulator.on('GetRecords', { shard: shardId }, NOT_FOUND)
  await clock.advance(16 * MINUTE)
  written.push(...write(2))
  expect([...first, ...(await readFor(coordinator, clock, 30_000))]).toEqual(written)
  expect(gaps).toEqual([])
})

it.each([1, 2, 10])(
  'a young shard that is never found becomes a gap, and its child is read, with a round of reads every %i minutes',
  async (minutes) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
    const [a] = emulator.openShards.map(({ shardId }) => shardId) as [string]
    write(1, a)
    const written = write(1, emulator.roll(a).shardId)
    emulator.on('GetShardIterator', { shard: a, ...ALWAYS }, NOT_FOUND)
    const coordinator = open({ onGap: 'continue' })
    const gaps = collectEvents(coordinator, 'gap')
    await clock.run(coordinator.moveTo('trim_horizon'))
    const seen: number[] = []
    for (let elapsed = 0; elapsed < 60; elapsed += minutes) {
      seen.push(...numbersOf(await drain(coordinator, clock)))
      await clock.advance(minutes * MINUTE)
    }
    expect(seen).toEqual(written)
    expect(gaps).toMatchObject([{ shardId: a, reason: 'shard-vanished' }])
  },
)

it('a young shard that is not found for two minutes is still read before its child', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const written = write(2, a)
  const child = emulator.roll(a)
  written.push(...write(2, child.shardId))
  const others = write(2, b)
  let isFound = false
  emulator.on('GetShardIterator', { shard: a, ...ALWAYS }, () => (isFound ? undefined : NOT_FOUND))
  clock.setTimer(2 * MINUTE, () => {
    isFound = true
  })
  const coordinator = open()
  const stalled = collectEvents(coordinator, 'shardStalled')
  await clock.run(coordinator.moveTo('trim_horizon'))
  const seen = await readFor(coordinator, clock, 3 * MINUTE)
  expect(seen).toEqual([...others, ...written])
  expect(stalled).toMatchObject([{ shardId: a }])
})

it('a saved position in a young shard survives a reload while the service does not find the shard', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(4)
  const first = open({ pageSize: 2 })
  await clock.run(first.moveTo('trim_horizon'))
  await clock.run(first.next())
  emulator.on('GetRecords', { times: 3 }, NOT_FOUND)
  emulator.on('GetShardIterator', { times: 3 }, NOT_FOUND)
  const second = open()
  await clock.run(second.moveTo(JSON.stringify(first.token)))
  expect(await readFor(second, clock, 20_000)).toEqual(written.slice(1))
})

it.each(['seconds', '30 hours'])(
  'a shard that is %s old is not given up when every tenth read does not find it',
  async (age) => {
    const { clock, emulator, open, write } = emulatedTable()
    if (age === '30 hours') await clock.advance(30 * 60 * MINUTE)
    write(1)
    const coordinator = open()
    const gaps = collectEvents(coordinator, 'gap')
    await clock.run(coordinator.moveTo('trim_horizon'))
    let nth = 0
    emulator.on('GetRecords', ALWAYS, () => (++nth % 10 === 0 ? NOT_FOUND : undefined))
    await readFor(coordinator, clock, 10 * MINUTE)
    expect(gaps).toEqual([])
    const written = write(2)
    expect(await readFor(coordinator, clock, 10_000)).toEqual(written)
  },
)

it('a shard that is not found while DescribeStream is throttled does not delay other shards for more than a minute', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const written = write(1, a)
  const coordinator = open({ onGap: 'continue' })
  const stalled = collectEvents(coordinator, 'shardStalled')
  await clock.run(coordinator.moveTo('trim_horizon'))
  emulator.on('GetRecords', { shard: b }, NOT_FOUND)
  let isThrottled = true
  emulator.on('DescribeStream', ALWAYS, () => (isThrottled ? { fail: 'ThrottlingException' } : undefined))
  const seen: number[] = []
  void coordinator.next().then((record) => seen.push(record?.newImage?.n as number))
  await clock.advance(90_000)
  expect(seen).toEqual(written)
  expect(stalled.length).toBeLessThanOrEqual(1)
  // The shard that was not found is not given up: its record is delivered later.
  const late = write(1, b)
  expect(await readFor(coordinator, clock, 2 * MINUTE)).toEqual(late)
  isThrottled = false
  expect(await readFor(coordinator, clock, MINUTE)).toEqual([])
})

it('a stream is not considered deleted after a single not-found error from DescribeStream', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  const written = write(2)
  emulator.on('DescribeStream', {}, NOT_FOUND)
  emulator.roll()
  written.push(...write(2))
  expect(await readFor(coordinator, clock, 10_000)).toEqual(written)
})

it('a stream is not considered deleted after a single not-found error from DescribeStream right after a shard was not found', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  emulator.on('GetRecords', {}, NOT_FOUND)
  emulator.on('DescribeStream', {}, NOT_FOUND)
  const written = write(2)
  expect(await readFor(coordinator, clock, 30_000)).toEqual(written)
})

it('a young shard is not given up after a burst of not-found errors and another one ten minutes later', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const coordinator = open({ onGap: 'continue' })
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  const written = write(2)
  const { shardId } = emulator.roll()
  let isFound = false
  emulator.on('GetShardIterator', { shard: shardId, ...ALWAYS }, () => (isFound ? undefined : NOT_FOUND))
  const seen = numbersOf(await drain(coordinator, clock))
  expect(emulator.log.filter(({ error }) => error === NOT_FOUND.fail).length).toBeGreaterThan(10)
  isFound = true
  written.push(...write(2))
  await clock.advance(10 * MINUTE)
  emulator.on('GetShardIterator', { shard: shardId }, NOT_FOUND)
  seen.push(...(await readFor(coordinator, clock, MINUTE)))
  expect(gaps).toEqual([])
  expect(seen).toEqual(written)
})
