import { expect, it, vi } from 'vitest'
import type { CoordinatorOptions } from '../../src/index.ts'
import { ShardReader } from '../../src/reader/shard-reader.ts'
import { ManualClock } from '../../src/testing/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'
import { rollingStream, shardIdAt } from './rolling-stream.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const quiet: Partial<CoordinatorOptions> = {
  idlePollMs: { min: 60_000, max: 60_000 },
  discoveryIntervalMs: 600_000,
}

it.each(['never', 'every day'] as const)(
  'memory does not grow from the second to the seventh day of a stream whose token is read %s',
  async (tokenRead) => {
    const chains = 4
    const { clock, open } = rollingStream({ chains, shardLifeMs: 4 * HOUR })
    const coordinator = open(quiet)
    await clock.run(coordinator.moveTo('trim_horizon'))
    const sizes: (typeof coordinator.memory)[] = []
    for (let day = 0; day < 7; day++) {
      for (let step = 0; step < 24; step++) {
        clock.suspend(HOUR)
        await clock.run(coordinator.next())
      }
      if (tokenRead === 'every day') JSON.stringify(coordinator.token)
      sizes.push(coordinator.memory)
    }
    const [, second] = sizes
    const last = sizes.at(-1)
    expect(last?.shards).toBeLessThanOrEqual(second?.shards as number)
    // A chain has one shard being read, perhaps a finished one, and an oldest shard with a missing parent.
    expect(last?.frontier).toBeLessThanOrEqual(2 * chains)
    expect(last?.missingParents).toBeLessThanOrEqual(2 * chains)
    // Shards are listed for 28 hours and remembered slightly longer.
    expect(second?.shards).toBeLessThanOrEqual(chains * (28 / 4 + 2))
    await coordinator.close()
  },
)

it('a shard that ended without children is forgotten once it is no longer listed', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 3 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const ended = emulator.closeShard(emulator.openShards[0])
  const before = coordinator.memory
  for (let hour = 0; hour < 30; hour++) {
    write(6)
    while ((await clock.run(coordinator.next())) !== undefined);
    clock.suspend(HOUR)
  }
  const { shards, frontier } = coordinator.memory
  expect([shards, frontier]).toEqual([before.shards - 1, before.frontier - 1])
  expect(coordinator.token.shards.map(({ shardId }) => shardId)).not.toContain(ended.shardId)
})

/** How often `moveTo()` parses the time in a shard id, per shard. */
async function idsParsedPerShard(shards: number): Promise<number> {
  const clock = new ManualClock()
  const now = clock.now()
  const listed = Array.from({ length: shards }, (_, n) => ({
    shardId: shardIdAt(now - 3 * HOUR + n, n),
    parentShardId: shardIdAt(now - 30 * HOUR + n, n),
    startingSequenceNumber: '100000000000000000001',
    endingSequenceNumber: undefined,
  }))
  const { open } = rollingStream({ chains: 1, shardLifeMs: DAY, clock, listed })
  const coordinator = open(quiet)
  let parsed = 0
  const { exec } = RegExp.prototype
  const counting = vi.spyOn(RegExp.prototype, 'exec').mockImplementation(function (this: RegExp, text) {
    if (this.source.startsWith('^shardId-')) parsed++
    return exec.call(this, text)
  })
  await clock.run(coordinator.moveTo('trim_horizon'))
  counting.mockRestore()
  await coordinator.close()
  return parsed / shards
}

it('moveTo() costs as much per shard on a stream of 1,000 shards with trimmed parents as on one of 250', async () => {
  expect(await idsParsedPerShard(1_000)).toBeLessThanOrEqual((await idsParsedPerShard(250)) + 1)
})

/** How many readers are inspected per response of an idle shard while another shard fails for minutes. */
async function inspectionsPerResponse(shards: number): Promise<number> {
  const { clock, emulator, open } = emulatedTable({ shards })
  const failing = emulator.openShards
    .map(({ shardId }) => shardId)
    .sort()
    .at(-1) as string
  emulator.on(
    'GetRecords',
    { shard: failing, times: Number.POSITIVE_INFINITY },
    { fail: 'ThrottlingException' },
  )
  const coordinator = open({ maxConcurrentReads: 1_000, idlePollMs: { min: 4_000, max: 4_000 } })
  await clock.run(coordinator.moveTo('trim_horizon'))
  for (let times = 0; times < 3; times++) await clock.run(coordinator.next())
  const before = emulator.log.length
  const inspections = vi.spyOn(ShardReader.prototype, 'atTip', 'get')
  for (let times = 0; times < 5; times++) await clock.run(coordinator.next())
  const count = inspections.mock.calls.length
  inspections.mockRestore()
  await coordinator.close()
  return count / (emulator.log.length - before)
}

it('processing a response costs as much with 400 idle shards as with 50 while another shard fails for minutes', async () => {
  expect(await inspectionsPerResponse(400)).toBeLessThanOrEqual((await inspectionsPerResponse(50)) + 1)
})
