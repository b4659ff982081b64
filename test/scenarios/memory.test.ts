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

/** Reads everything. Returns the number of records and the largest buffer seen at any call or record. */
async function mostBuffered(
  { clock, emulator }: EmulatedTable,
  coordinator: Coordinator,
): Promise<{ records: number; most: number }> {
  let most = 0
  let records = 0
  const observe = () => {
    most = Math.max(most, coordinator.buffer.bytes)
  }
  emulator.on('GetRecords', { times: Number.POSITIVE_INFINITY }, observe)
  await clock.run(async () => {
    while ((await coordinator.next()) !== undefined) {
      records++
      observe()
    }
  })
  return { records, most }
}

describe('maxBufferedBytes', () => {
  // The buffer may exceed the limit by one record of each shard (with both images), and by the part of the
  // responses in flight that exceeds what the size of earlier records suggested.
  it.each([
    { shards: 1, perShard: 2_000, bytes: 2_000 },
    { shards: 20, perShard: 150, bytes: 2_000 },
    { shards: 200, perShard: 30, bytes: 2_000 },
    { shards: 20, perShard: 60, bytes: 20_000 },
    { shards: 100, perShard: 12, bytes: 20_000 },
    { shards: 10, perShard: 20, bytes: 300_000 },
  ])(
    'the buffer stays within maxBufferedBytes with $shards shards of $perShard records of $bytes bytes',
    { timeout: 300_000 },
    async ({ shards, perShard, bytes }) => {
      const table = emulatedTable({ shards })
      const count = fill(table, perShard, bytes)
      const coordinator = table.open({ maxBufferedBytes: MiB })
      await table.clock.run(coordinator.moveTo('trim_horizon'))
      const { records, most } = await mostBuffered(table, coordinator)
      expect(records).toBe(count)
      expect(most).toBeLessThanOrEqual(1.25 * MiB + shards * (2 * bytes + 1_000))
      expect(coordinator.buffer.bytes).toBe(0)
    },
  )

  it('the buffer stays within maxBufferedBytes when children are fetched ahead of their parents', {
    timeout: 300_000,
  }, async () => {
    const table = emulatedTable({ shards: 4 })
    let count = 0
    for (let generation = 0; generation < 6; generation++) {
      count += fill(table, 100, 5_000)
      for (const shard of [...table.emulator.openShards]) table.emulator.roll(shard)
    }
    const coordinator = table.open({ maxBufferedBytes: MiB })
    await table.clock.run(coordinator.moveTo('trim_horizon'))
    const { records, most } = await mostBuffered(table, coordinator)
    expect(records).toBe(count)
    expect(most).toBeLessThanOrEqual(1.25 * MiB + 2 * 4 * 11_000)
  })

  it('no more is fetched while the buffer is full and the consumer is idle', async () => {
    const table = emulatedTable({ shards: 8 })
    fill(table, 300, 10_000)
    const coordinator = table.open({ maxBufferedBytes: MiB })
    await table.clock.run(coordinator.moveTo('trim_horizon'))
    await table.clock.run(coordinator.next())
    await table.clock.advance(10_000)
    const calls = table.emulator.log.length
    await table.clock.advance(3_600_000)
    expect(table.emulator.log.length).toBe(calls)
  })

  it('pages are as large as maxBufferedBytes allows once the size of the records is known', async () => {
    const table = emulatedTable()
    fill(table, 2_000, 500)
    const coordinator = table.open({ maxBufferedBytes: MiB })
    await table.clock.run(coordinator.moveTo('trim_horizon'))
    await mostBuffered(table, coordinator)
    const pages = table.emulator.log.filter(({ op, records }) => op === 'GetRecords' && records)
    expect(pages.length).toBeLessThanOrEqual(12)
  })
})

describe('the heartbeat of a slow consumer', () => {
  it.each([
    { shards: 20, perShard: 60, mebibytes: 1 },
    { shards: 200, perShard: 60, mebibytes: 1 },
    { shards: 100, perShard: 250, mebibytes: 8 },
  ])(
    'heartbeats fetch little from $shards unread shards with $perShard records each and a limit of $mebibytes MiB',
    { timeout: 300_000 },
    async ({ shards, perShard, mebibytes }) => {
      const table = emulatedTable({ shards })
      const { clock, emulator } = table
      const maxBufferedBytes = mebibytes * MiB
      const coordinator = table.open({ maxBufferedBytes })
      await clock.run(coordinator.moveTo('trim_horizon'))
      // These records show how large a record is.
      const text = 'x'.repeat(1_000)
      for (let n = 0; n < 20; n++)
        emulator.put({ id: emulator.keyForShard(emulator.openShards[0] as never), n, text })
      for (let times = 0; times < 25; times++) await clock.run(coordinator.next())
      const count = fill(table, perShard, 1_000)
      for (let times = 0; times < 3; times++) {
        await clock.advance(11 * 60_000)
        await clock.run(coordinator.heartbeat())
      }
      expect(coordinator.buffer.bytes).toBeLessThanOrEqual(1.25 * maxBufferedBytes)
      const { records, most } = await mostBuffered(table, coordinator)
      expect(records).toBe(count)
      expect(most).toBeLessThanOrEqual(1.25 * maxBufferedBytes + shards * 3_000)
    },
  )
})

it('buffer.bytes is 0 once all records of several large pages have been delivered', async () => {
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
