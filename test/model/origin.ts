import type { EmulatedRecord, EmulatedShard } from '../../src/testing/index.ts'
import { RETENTION_MS } from './retention.ts'
import type { World } from './world.ts'

const RETENTION_MARGIN_MS = 10 * 60_000

/** Which records a position asks for. What is allowed and not required is what api.md leaves open. */
export interface Origin {
  allows(record: EmulatedRecord): boolean
  requires(record: EmulatedRecord): boolean
  /**
   * Whether a record must be told of if it is trimmed before it is read. Not where "the oldest that is left" was asked
   * for, and the record, or its shard, was so old that nobody knows what was trimmed when.
   */
  isPromised(record: EmulatedRecord): boolean
  /** The time that was asked for, in ms. */
  readonly since?: number
  /** Shards that no listing showed when the position was taken, and their heirs. */
  readonly notListed: ReadonlySet<string>
}

/** What was known when a position was asked for. */
export interface Asked {
  /** How many records were written, and how many entries the log had. */
  readonly records: number
  readonly entries: number
  readonly serviceTime: number
  /** Whether a reader of another position was at work at the same time, so that nobody knows whose listings they were. */
  readonly isMixed: boolean
}

/** Everything that is left when the position is taken, and all that comes later. */
export function fromTrimHorizon(world: World, asked: Asked): Origin {
  const gone = new Set(world.emulator.records.filter((record) => record.trimmed))
  return {
    allows: () => true,
    requires: (record) => !gone.has(record),
    isPromised: writtenLater(world, asked),
    notListed: notListed(world, asked),
  }
}

/** Everything that tells a time from `since` on, cut to the second. */
export function fromTime(world: World, asked: Asked, since: number): Origin {
  const gone = new Set(world.emulator.records.filter((record) => record.trimmed))
  return {
    allows: (record) => isWantedSince(world, record, cut(world, since)),
    requires: (record) => !gone.has(record) && isSince(world, record, since),
    isPromised: writtenLater(world, asked),
    since,
    notListed: notListed(world, asked),
  }
}

/**
 * How far before the call a record of `latest` may be dated (ms), in addition to the duration of the move. Records are dated by
 * a clock other than the one in the `Date` header, and a slow call does not show when the service read its clock, so the library
 * has to allow for an overlap.
 */
const LATEST_OVERLAP_MS = 2_000

/** Everything written after the call, which has just returned. What was written shortly before it may be delivered, too. */
export function fromLatest(world: World, asked: Asked): Origin {
  const { records } = world.emulator
  const before = new Set(records.slice(0, asked.records))
  const during = new Set(records.slice(asked.records))
  const since = cut(world, asked.serviceTime)
  const tookMs = world.emulator.now() - asked.serviceTime
  const overlapping = cut(world, asked.serviceTime - LATEST_OVERLAP_MS - tookMs)
  return {
    allows: (record) => !before.has(record) || isWantedSince(world, record, overlapping),
    requires: (record) => !before.has(record) && !during.has(record) && isSurelySince(world, record, since),
    isPromised: () => true,
    since,
    notListed: notListed(world, asked),
  }
}

/** How far ahead, in ms, a time must be to count as future for sure: clocks differ, and calls take their time. */
const SURELY_FUTURE_MS = 30_000

/** As `latest`; what comes before a time that is almost there when the call returns may be left out. */
export function fromFuture(world: World, asked: Asked, since: number): Origin {
  const latest = fromLatest(world, asked)
  if (since > world.emulator.now() + SURELY_FUTURE_MS) return latest
  return {
    ...latest,
    isPromised: writtenLater(world, asked),
    requires: (record) =>
      latest.requires(record) && (toldTime(world, record) ?? Number.NEGATIVE_INFINITY) >= since,
  }
}

/** Which records were written after the position was taken, to shards that had lost nothing then. */
function writtenLater({ emulator }: World, { serviceTime }: Asked): Origin['isPromised'] {
  const before = new Set(emulator.records)
  return (record) =>
    !before.has(record) &&
    emulator.shard(record.shardId).createdAt > serviceTime - RETENTION_MS + RETENTION_MARGIN_MS
}

function notListed(world: World, { entries, isMixed }: Asked): ReadonlySet<string> {
  const { log, shards } = world.emulator
  if (isMixed && !world.isPlain) return new Set(shards.map(({ shardId }) => shardId))
  const listed = new Set(
    log.slice(entries).flatMap((entry) => (entry.op === 'DescribeStream' ? (entry.shards ?? []) : [])),
  )
  return new Set(
    shards
      .map(({ shardId }) => shardId)
      .filter(
        (shardId) =>
          !listed.has(shardId) || ancestorsOf(world, shardId).some((one) => !listed.has(one.shardId)),
      ),
  )
}

/** Ancestors of a shard, from its parent up. */
export function ancestorsOf({ emulator }: World, shardId: string): EmulatedShard[] {
  const ancestors: EmulatedShard[] = []
  let { parentId } = emulator.shard(shardId)
  while (parentId !== undefined) {
    const parent = emulator.shard(parentId)
    ancestors.push(parent)
    parentId = parent.parentId
  }
  return ancestors
}

/** Whether a record was created at that time or later, by what it tells; or in truth, if that is what it tells. */
function isSince(world: World, record: EmulatedRecord, since: number): boolean {
  if ((toldTime(world, record) ?? Number.NEGATIVE_INFINITY) >= since) return true
  return record.writtenAt >= since && record.createdAt === cut(world, record.writtenAt)
}

/** Whether a record was written since that time. Where it tells a wrong time, a second is left open. */
function isSurelySince(world: World, record: EmulatedRecord, since: number): boolean {
  const told = toldTime(world, record) ?? since
  // A few ms that the record clock is behind can change the second.
  if (told === cut(world, record.writtenAt - world.recordClockBehindMs)) return record.writtenAt >= since
  return told >= since + world.granularityMs
}

/** The time that a record tells, or else the one before it in its shard. */
export function toldTime({ emulator }: World, record: EmulatedRecord): number | undefined {
  if (record.createdAt !== undefined) return record.createdAt
  const { records } = emulator.shard(record.shardId)
  for (let index = records.indexOf(record as (typeof records)[number]) - 1; index >= 0; index--) {
    const told = records[index]?.createdAt
    if (told !== undefined) return told
  }
  return undefined
}

/**
 * Whether a record is of that time or later, tells no time, or comes after one of those in its lineage: from the
 * first record that is new enough on, a shard is given out as it is.
 */
function isWantedSince(world: World, record: EmulatedRecord, since: number): boolean {
  const opens = ({ createdAt }: EmulatedRecord) => createdAt === undefined || createdAt >= since
  if (opens(record)) return true
  const { records } = world.emulator.shard(record.shardId)
  if (records.slice(0, records.indexOf(record as (typeof records)[number])).some(opens)) return true
  return ancestorsOf(world, record.shardId).some((shard) => shard.records.some(opens))
}

/** As the service cuts the times of records: to the second. */
function cut({ granularityMs }: World, ms: number): number {
  return Math.floor(ms / granularityMs) * granularityMs
}
