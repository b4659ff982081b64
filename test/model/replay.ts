import type { EmulatedRecord } from '../../src/testing/index.ts'
import { settle } from './settle.ts'
import type { Setup } from './steps.ts'
import type { MakeSubject } from './subject.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/**
 * Reads the whole stream once more, with nothing going on: everything that is left comes, in the order of its times,
 * where a time that steps back inside a lineage counts as the highest before it.
 */
export async function expectTimeOrder(world: World, setup: Setup, make: MakeSubject): Promise<void> {
  const { clock, emulator } = world
  if (emulator.openShards.length === 0 || emulator.records.some(({ createdAt }) => createdAt === undefined))
    return
  const reader = make(
    {
      ...setup.reader,
      // What is trimmed while it is read cannot come.
      onGap: 'continue',
      client: world.client,
      streamArn: emulator.streamArn,
      clock,
      random: () => 0.5,
    },
    { gap: () => {}, gaveUpParent: () => {} },
  )
  await settle(clock, reader.moveTo('trim_horizon'))
  const times = lineageTimes(world)
  let last = { time: Number.NEGATIVE_INFINITY, name: '' }
  for (;;) {
    const record = await settle(clock, reader.next())
    if (!record) break
    const name = `${record.shardId} ${record.sequenceNumber}`
    const time = times.get(name) ?? Number.NaN
    if (time < last.time) {
      throw new Violation(
        'time order',
        `${world.nameOfRecord(record)} came after ${last.name}, which is newer`,
      )
    }
    last = { time, name: world.nameOfRecord(record) }
  }
  await settle(clock, reader.close())
}

/** For each record the highest time that was told in its lineage up to it, of what is left. */
function lineageTimes({ emulator }: World): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  const reached = new Map<string | undefined, number>()
  // In the order of their making parents come before their children.
  for (const shard of emulator.shards) {
    let time = reached.get(shard.parentId) ?? Number.NEGATIVE_INFINITY
    for (const record of shard.records as readonly EmulatedRecord[]) {
      if (record.trimmed) continue
      time = Math.max(time, record.createdAt ?? Number.NEGATIVE_INFINITY)
      times.set(`${record.shardId} ${record.sequenceNumber}`, time)
    }
    reached.set(shard.shardId, time)
  }
  return times
}
