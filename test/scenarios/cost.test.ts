import { describe, expect, it } from 'vitest'
import { expectAtMostDescribeCalls } from '../../src/testing/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf, sorted } from '../support/read.ts'

const ROUND_TRIP_MS = 100

describe('many shards that close together', () => {
  it.each(['supported', 'empty', 'ignored', 'refused'] as const)(
    '400 shards that close together are followed with a few listings, at most five calls per second (CHILD_SHARDS %s)',
    { timeout: 300_000 },
    async (childShards) => {
      const { emulator, clock, open, write } = emulatedTable({ shards: 400, behavior: { childShards } })
      const coordinator = open({ pageSize: 100 })
      await clock.run(coordinator.moveTo('trim_horizon'))
      await drain(coordinator, clock)
      for (const shard of [...emulator.openShards]) emulator.roll(shard)
      const written = write(400)
      const before = emulator.log.length
      const records = [...(await drain(coordinator, clock))]
      await clock.advance(5_000)
      records.push(...(await drain(coordinator, clock)))
      expect(sorted(numbersOf(records))).toEqual(written)
      const log = emulator.log.slice(before)
      expectAtMostDescribeCalls(log, 5)
      // A listing of 800 shards takes 8 pages.
      expect(log.filter(({ op }) => op === 'DescribeStream').length).toBeLessThanOrEqual(3 * 8)
    },
  )

  it('shards that close together are listed no faster while their children are hidden, and all children are read in the end', async () => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 150 })
    const coordinator = open({ pageSize: 100 })
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    const [first, ...rest] = [...emulator.openShards]
    for (const shard of rest) emulator.roll(shard, { hidden: { ms: 90_000 } })
    emulator.roll(first, { hidden: { ms: 20_000 } })
    const written = write(300)
    const before = emulator.log.length
    const records = []
    for (let second = 0; second < 180; second += 10) {
      records.push(...(await drain(coordinator, clock)))
      await clock.advance(10_000)
    }
    expect(sorted(numbersOf(records))).toEqual(written)
    expectAtMostDescribeCalls(emulator.log.slice(before), 5)
  })
})

describe('a stream of more than 100 shards', () => {
  it.each(['supported', 'empty', 'ignored', 'refused'] as const)(
    'the children of one of 120 shards are found, hidden for a while or not (CHILD_SHARDS %s)',
    async (childShards) => {
      for (const hidden of [undefined, { calls: 3 }, { ms: 30_000 }]) {
        const { emulator, clock, open, write } = emulatedTable({ shards: 120, behavior: { childShards } })
        const coordinator = open()
        await clock.run(coordinator.moveTo('trim_horizon'))
        await drain(coordinator, clock)
        const [parent] = emulator.openShards
        const children = emulator.split(parent, 2, { hidden })
        const written = children.flatMap(({ shardId }) => write(3, shardId))
        const records = []
        for (let times = 0; times < 50; times++) {
          records.push(...(await drain(coordinator, clock)))
          await clock.advance(5_000)
        }
        expect(sorted(numbersOf(records))).toEqual(written)
      }
    },
  )

  it('a parent that is no longer found when its children are requested does not end the stream', async () => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 120 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    const [parent] = emulator.openShards
    emulator.on('DescribeStream', { shard: parent?.shardId as string }, { fail: 'ResourceNotFoundException' })
    const [child] = emulator.split(parent, 1, { hidden: { calls: 1 } })
    const written = write(3, child?.shardId)
    const records = [...(await drain(coordinator, clock))]
    await clock.advance(60_000)
    records.push(...(await drain(coordinator, clock)))
    expect(numbersOf(records)).toEqual(written)
  })
})

describe('idle shards', () => {
  it('fifty idle shards are found to be idle in a few round trips', async () => {
    const { emulator, clock, open } = emulatedTable({ shards: 50 })
    emulator.on('*', { times: Number.POSITIVE_INFINITY }, { delayMs: ROUND_TRIP_MS })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const before = clock.now()
    expect(await clock.run(coordinator.next())).toBeUndefined()
    expect(clock.now() - before).toBeLessThanOrEqual(8 * ROUND_TRIP_MS)
  })

  it('idle shards do not delay a record of another shard', async () => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 50 })
    emulator.on('*', { times: Number.POSITIVE_INFINITY }, { delayMs: ROUND_TRIP_MS })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    await clock.run(coordinator.next())
    const written = write(1)
    const before = clock.now()
    const record = await clock.run(coordinator.next())
    expect(numbersOf([record as never])).toEqual(written)
    expect(clock.now() - before).toBeLessThanOrEqual(200 + 2 * ROUND_TRIP_MS)
  })

  it('idle shards are not polled, and no timer is set, while the caller does not call next()', async () => {
    const { emulator, clock, open } = emulatedTable({ shards: 10 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    const before = emulator.log.length
    await clock.advance(600_000)
    expect(emulator.log.length).toBe(before)
    expect(clock.untilNextTimer).toBeUndefined()
  })
})
