import { describe, expect, it } from 'vitest'
import type { Coordinator } from '../../src/index.ts'
import { type EmulatedTable, emulatedTable } from '../support/emulated-table.ts'

const MiB = 1024 * 1024

let written = 0

/** Writes records of `bytes` to each open shard. */
function fill({ emulator }: EmulatedTable, perShard: number, bytes: number): number {
  const text = 'x'.repeat(bytes)
  for (const { shardId } of emulator.openShards) {
    const id = emulator.keyForShard(shardId)
    for (let n = 0; n < perShard; n++) emulator.put({ id, n: written++, text })
  }
  return perShard * emulator.openShards.length
}

/** Reads to the end; looks at the buffer at each call and at each record. */
async function mostBuffered(
  { clock, emulator }: EmulatedTable,
  coordinator: Coordinator,
): Promise<{ records: number; most: number }> {
  let most = 0
  let records = 0
  const look = () => {
    most = Math.max(most, coordinator.buffer.bytes)
  }
  emulator.on('GetRecords', { times: Number.POSITIVE_INFINITY }, look)
  await clock.run(async () => {
    while ((await coordinator.next()) !== undefined) {
      records++
      look()
    }
  })
  return { records, most }
}

describe('what is buffered stays within maxBufferedBytes', () => {
  // On top of it may come one record of each shard (with both its images), and what answers under way brought more than
  // records of their size let expect.
  it.each([
    { shards: 1, perShard: 2_000, bytes: 2_000 },
    { shards: 20, perShard: 150, bytes: 2_000 },
    { shards: 200, perShard: 30, bytes: 2_000 },
    { shards: 20, perShard: 60, bytes: 20_000 },
    { shards: 100, perShard: 12, bytes: 20_000 },
    { shards: 10, perShard: 20, bytes: 300_000 },
  ])('with $shards shards of $perShard records of $bytes bytes', { timeout: 300_000 }, async (given) => {
    const world = emulatedTable({ shards: given.shards })
    const count = fill(world, given.perShard, given.bytes)
    const coordinator = world.open({ maxBufferedBytes: MiB })
    await world.clock.run(coordinator.moveTo('trim_horizon'))
    const { records, most } = await mostBuffered(world, coordinator)
    expect(records).toBe(count)
    expect(most).toBeLessThanOrEqual(1.25 * MiB + given.shards * (2 * given.bytes + 1_000))
    expect(coordinator.buffer.bytes).toBe(0)
  })

  it('also of children that are fetched ahead of their parents', { timeout: 300_000 }, async () => {
    const world = emulatedTable({ shards: 4 })
    let count = 0
    for (let generation = 0; generation < 6; generation++) {
      count += fill(world, 100, 5_000)
      for (const shard of [...world.emulator.openShards]) world.emulator.roll(shard)
    }
    const coordinator = world.open({ maxBufferedBytes: MiB })
    await world.clock.run(coordinator.moveTo('trim_horizon'))
    const { records, most } = await mostBuffered(world, coordinator)
    expect(records).toBe(count)
    expect(most).toBeLessThanOrEqual(1.25 * MiB + 2 * 4 * 11_000)
  })

  it('and nothing more is fetched while nobody takes', async () => {
    const world = emulatedTable({ shards: 8 })
    fill(world, 300, 10_000)
    const coordinator = world.open({ maxBufferedBytes: MiB })
    await world.clock.run(coordinator.moveTo('trim_horizon'))
    await world.clock.run(coordinator.next())
    await world.clock.advance(10_000)
    const calls = world.emulator.log.length
    await world.clock.advance(3_600_000)
    expect(world.emulator.log.length).toBe(calls)
  })

  it('while answers are as large as it allows, once the size of the records is known', async () => {
    const world = emulatedTable()
    fill(world, 2_000, 500)
    const coordinator = world.open({ maxBufferedBytes: MiB })
    await world.clock.run(coordinator.moveTo('trim_horizon'))
    await mostBuffered(world, coordinator)
    const answers = world.emulator.log.filter(({ op, records }) => op === 'GetRecords' && records)
    expect(answers.length).toBeLessThanOrEqual(12)
  })
})

describe('a heartbeat of a consumer that is slow', () => {
  it.each([
    { shards: 20, perShard: 60, mebibytes: 1 },
    { shards: 200, perShard: 60, mebibytes: 1 },
    { shards: 100, perShard: 250, mebibytes: 8 },
  ])(
    'fetches hardly anything: $shards idle shards with a backlog of $perShard records each, and $mebibytes MiB allowed',
    { timeout: 300_000 },
    async ({ shards, perShard, mebibytes }) => {
      const world = emulatedTable({ shards })
      const { clock, emulator } = world
      const maxBufferedBytes = mebibytes * MiB
      const coordinator = world.open({ maxBufferedBytes })
      await clock.run(coordinator.moveTo('trim_horizon'))
      // From these it learns how large a record is.
      const text = 'x'.repeat(1_000)
      for (let n = 0; n < 20; n++)
        emulator.put({ id: emulator.keyForShard(emulator.openShards[0] as never), n, text })
      for (let times = 0; times < 25; times++) await clock.run(coordinator.next())
      const count = fill(world, perShard, 1_000)
      for (let times = 0; times < 3; times++) {
        await clock.advance(11 * 60_000)
        await clock.run(coordinator.heartbeat())
      }
      expect(coordinator.buffer.bytes).toBeLessThanOrEqual(1.25 * maxBufferedBytes)
      const { records, most } = await mostBuffered(world, coordinator)
      expect(records).toBe(count)
      expect(most).toBeLessThanOrEqual(1.25 * maxBufferedBytes + shards * 3_000)
    },
  )
})

it('nothing counts as buffered once all records of several large pages were delivered', async () => {
  const { clock, emulator, open } = emulatedTable()
  const coordinator = open({ client: emulator.client() })
  await clock.run(coordinator.moveTo('trim_horizon'))
  for (let round = 0; round < 3; round++) {
    const count = emulator.fill({ records: 700, bytes: 1_000 })
    await clock.advance(120_000)
    let taken = 0
    while ((await clock.run(coordinator.next())) !== undefined) taken++
    expect(taken).toBe(count)
    expect(coordinator.buffer.bytes).toBe(0)
  }
})
