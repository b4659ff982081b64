import type { EmulatedRecord, EmulatedShard } from '../../src/testing/index.ts'
import { RETENTION_MS } from './retention.ts'
import type { World } from './world.ts'

const RETENTION_MARGIN_MS = 10 * 60_000

/**
 * Which records a position selects. Records that are allowed but not required may or may not be delivered.
 */
export interface Origin {
  allows(record: EmulatedRecord): boolean
  requires(record: EmulatedRecord): boolean
  /**
   * Whether a gap must be reported if the record is trimmed before it is read. Not if the oldest retained
   * record was requested and the record, or its shard, was so old that it is unknown when it was trimmed.
   */
  mustReportIfTrimmed(record: EmulatedRecord): boolean
  /** The requested time, in ms. */
  readonly since?: number
  /** Shards that no listing showed when the position was taken, and their descendants. */
  readonly notListed: ReadonlySet<string>
}

/** The state of the world when a position was requested. */
export interface RequestSnapshot {
  /** The number of records written so far, and the length of the service's log. */
  readonly records: number
  readonly entries: number
  readonly serviceTime: number
  /**
   * Whether another position was being read at the same time, so that listings cannot be attributed to one of
   * them.
   */
  readonly isMixed: boolean
}

/** All records that are retained when the position is taken, and all later ones. */
export function fromTrimHorizon(world: World, snapshot: RequestSnapshot): Origin {
  const trimmedBefore = new Set(world.emulator.records.filter((record) => record.trimmed))
  return {
    allows: () => true,
    requires: (record) => !trimmedBefore.has(record),
    mustReportIfTrimmed: isWrittenAfter(world, snapshot),
    notListed: notListed(world, snapshot),
  }
}

/** All records dated `since` or later, truncated to the second. */
export function fromTime(world: World, snapshot: RequestSnapshot, since: number): Origin {
  const trimmedBefore = new Set(world.emulator.records.filter((record) => record.trimmed))
  return {
    allows: (record) => mayFollowSince(world, record, truncate(world, since)),
    requires: (record) => !trimmedBefore.has(record) && isSince(world, record, since),
    mustReportIfTrimmed: isWrittenAfter(world, snapshot),
    since,
    notListed: notListed(world, snapshot),
  }
}

/**
 * How far before the call a record delivered for `latest` may be dated (ms), in addition to the duration of
 * the move. Records are dated by a clock other than that of the `Date` header, and a slow call does not show
 * when the service read its clock, so the library has to allow for an overlap.
 */
const LATEST_OVERLAP_MS = 2_000

/**
 * All records written after the call, which has just returned. Records written shortly before it are
 * optional.
 */
export function fromLatest(world: World, snapshot: RequestSnapshot): Origin {
  const { records } = world.emulator
  const before = new Set(records.slice(0, snapshot.records))
  const during = new Set(records.slice(snapshot.records))
  const since = truncate(world, snapshot.serviceTime)
  const tookMs = world.emulator.now() - snapshot.serviceTime
  const overlapping = truncate(world, snapshot.serviceTime - LATEST_OVERLAP_MS - tookMs)
  return {
    allows: (record) => !before.has(record) || mayFollowSince(world, record, overlapping),
    requires: (record) =>
      !before.has(record) && !during.has(record) && isCertainlySince(world, record, since),
    mustReportIfTrimmed: () => true,
    since,
    notListed: notListed(world, snapshot),
  }
}

/**
 * How far ahead a time must be to count as being in the future, in ms. Clocks differ, and calls take time.
 */
const MIN_FUTURE_MS = 30_000

/**
 * The same as `latest`. Records from before the requested time are optional if that time is close when the
 * call returns.
 */
export function fromFuture(world: World, snapshot: RequestSnapshot, since: number): Origin {
  const latest = fromLatest(world, snapshot)
  if (since > world.emulator.now() + MIN_FUTURE_MS) return latest
  return {
    ...latest,
    mustReportIfTrimmed: isWrittenAfter(world, snapshot),
    requires: (record) =>
      latest.requires(record) && (reportedTime(world, record) ?? Number.NEGATIVE_INFINITY) >= since,
  }
}

/** Selects records written after the position was taken, in shards of which no record was trimmed then. */
function isWrittenAfter(
  { emulator }: World,
  { serviceTime }: RequestSnapshot,
): Origin['mustReportIfTrimmed'] {
  const before = new Set(emulator.records)
  return (record) =>
    !before.has(record) &&
    emulator.shard(record.shardId).createdAt > serviceTime - RETENTION_MS + RETENTION_MARGIN_MS
}

function notListed(world: World, { entries, isMixed }: RequestSnapshot): ReadonlySet<string> {
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

/** The ancestors of a shard, starting with its parent. */
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

/**
 * Whether a record was created at `since` or later according to its own date, or, if that is accurate,
 * according to the time when it was written.
 */
function isSince(world: World, record: EmulatedRecord, since: number): boolean {
  if ((reportedTime(world, record) ?? Number.NEGATIVE_INFINITY) >= since) return true
  return record.writtenAt >= since && record.createdAt === truncate(world, record.writtenAt)
}

/**
 * Whether a record was certainly written at `since` or later. If its date is inaccurate, one second is
 * allowed for.
 */
function isCertainlySince(world: World, record: EmulatedRecord, since: number): boolean {
  const time = reportedTime(world, record) ?? since
  // The record clock's offset of a few ms can change the second.
  if (time === truncate(world, record.writtenAt - world.recordClockBehindMs)) return record.writtenAt >= since
  return time >= since + world.granularityMs
}

/** The creation time that a record reports, or that of the closest earlier record in its shard. */
export function reportedTime({ emulator }: World, record: EmulatedRecord): number | undefined {
  if (record.createdAt !== undefined) return record.createdAt
  const { records } = emulator.shard(record.shardId)
  for (let index = records.indexOf(record as (typeof records)[number]) - 1; index >= 0; index--) {
    const time = records[index]?.createdAt
    if (time !== undefined) return time
  }
  return undefined
}

/**
 * Whether a record is dated `since` or later, has no date, or follows such a record in its lineage: once a
 * record is new enough, all later ones of the lineage are delivered.
 */
function mayFollowSince(world: World, record: EmulatedRecord, since: number): boolean {
  const isNewEnough = ({ createdAt }: EmulatedRecord) => createdAt === undefined || createdAt >= since
  if (isNewEnough(record)) return true
  const { records } = world.emulator.shard(record.shardId)
  if (records.slice(0, records.indexOf(record as (typeof records)[number])).some(isNewEnough)) return true
  return ancestorsOf(world, record.shardId).some((shard) => shard.records.some(isNewEnough))
}

/** Truncates a time the way the service truncates the times of records. */
function truncate({ granularityMs }: World, ms: number): number {
  return Math.floor(ms / granularityMs) * granularityMs
}
