import type { EmulatedRecord } from '../../src/testing/index.ts'
import { settle } from './settle.ts'
import type { Setup } from './steps.ts'
import type { SubjectFactory } from './subject.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/**
 * Reads the whole stream once more, with no concurrent activity. All retained records must be delivered in
 * the order of their times, where a time that decreases within a lineage counts as the highest one before it.
 */
export async function expectTimeOrder(
  world: World,
  setup: Setup,
  createSubject: SubjectFactory,
): Promise<void> {
  const { clock, emulator } = world
  if (emulator.openShards.length === 0 || emulator.records.some(({ createdAt }) => createdAt === undefined))
    return
  const reader = createSubject(
    {
      ...setup.reader,
      // Records that are trimmed during the replay cannot be delivered.
      onGap: 'continue',
      client: world.client,
      streamArn: emulator.streamArn,
      clock,
      random: () => 0.5,
    },
    { gap: () => {}, parentWaitTimedOut: () => {} },
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
        `${world.nameOfRecord(record)} was delivered after ${last.name}, which is newer`,
      )
    }
    last = { time, name: world.nameOfRecord(record) }
  }
  await settle(clock, reader.close())
}

/** For each retained record, the highest creation time in its lineage up to that record. */
function lineageTimes({ emulator }: World): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  const reached = new Map<string | undefined, number>()
  // Shards are listed in the order of creation, parents before their children.
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
