import type { GapReason } from '../../src/core/errors.ts'
import type { EmulatedRecord, EmulatedShard } from '../../src/testing/index.ts'
import { ancestorsOf, type Origin } from './origin.ts'
import { RETENTION_MS } from './retention.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

const CLOCK_SKEW_MS = 10 * 60_000

/**
 * How much older a record may be than those delivered before it, in ms: order across shards is "as close as
 * one poll allows".
 */
const ONE_POLL_MS = 60_000

/** What a reader has received since it took its position, which limits what it may receive next. */
export interface Session {
  readonly origin: Origin
  readonly delivered: Set<EmulatedRecord>
  /** The index of the last delivered record in the order of writing, by shard and by key. */
  readonly lastInShard: Map<string, number>
  readonly lastOfKey: Map<string, number>
  /** Shards of which a descendant's record was delivered. */
  readonly descendantsDelivered: Set<string>
  /** Shards for which the reader reported a gap. */
  readonly gaps: Set<string>
  /** The creation time of the newest record delivered since the position was taken or loaded. */
  newest: number
  /**
   * Whether the position was loaded from a token. Shards that were not listed when the token was taken are
   * then read from their start.
   */
  isReloaded: boolean
  /** The length of the service's log when the reader took the position. */
  readonly entries: number
  /** Records delivered while a `moveTo` was in flight, which may belong to either position. */
  readonly deliveredDuringMove: Set<EmulatedRecord>
}

export interface Gap {
  readonly shardId: string
  readonly after: string | undefined
  readonly reason: GapReason
}

/**
 * Compares what a reader delivers with what was written. A method throws a {@link Violation} if a guarantee
 * is violated.
 */
export interface Oracle {
  startSession(origin: Origin, entries: number): Session
  /** Checks a delivered record. */
  deliver(session: Session, record: { readonly shardId: string; readonly sequenceNumber: string }): void
  /** Notes a record that was delivered while a `moveTo` was in flight. */
  deliverDuringMove(
    session: Session,
    record: { readonly shardId: string; readonly sequenceNumber: string },
  ): void
  /** Checks a reported gap. */
  recordGap(session: Session, gap: Gap): void
  /** Whether the reader has received a listing that contains the shard. */
  wasListed(session: Session, shardId: string, before?: number): boolean
  /** Whether the reader has received a listing that contains the shard or one of its children. */
  isKnownToReader(session: Session, shardId: string): boolean
  /**
   * Records that are still to be delivered (`lost`), and trimmed records for which no gap was reported
   * (`unreported`).
   */
  outstanding(
    session: Session,
    before?: number,
  ): { readonly lost: EmulatedRecord[]; readonly unreported: EmulatedRecord[] }
}

/** The session of a reader that loads a token taken in the given session. */
export function reloadSession(session: Session, entries: number): Session {
  return { ...copySession(session), isReloaded: true, entries, newest: Number.NEGATIVE_INFINITY }
}

/** An independent copy, for what a token covers. */
export function copySession(session: Session): Session {
  return {
    origin: session.origin,
    delivered: new Set(session.delivered),
    lastInShard: new Map(session.lastInShard),
    lastOfKey: new Map(session.lastOfKey),
    descendantsDelivered: new Set(session.descendantsDelivered),
    gaps: new Set(session.gaps),
    newest: session.newest,
    isReloaded: session.isReloaded,
    entries: session.entries,
    deliveredDuringMove: new Set(session.deliveredDuringMove),
  }
}

export function createOracle(world: World): Oracle {
  const { emulator, nameOf, nameOfRecord } = world
  const byName = new Map<string, { record: EmulatedRecord; index: number }>()

  const find = (shardId: string, sequenceNumber: string) => {
    for (let index = byName.size; index < emulator.records.length; index++) {
      const record = emulator.records[index] as EmulatedRecord
      byName.set(`${record.shardId} ${record.sequenceNumber}`, { record, index })
    }
    return byName.get(`${shardId} ${sequenceNumber}`)
  }

  /**
   * The library's clock differs from the service's, so records that were trimmed this recently are not
   * checked.
   */
  const isNearTrimHorizon = ({ writtenAt }: EmulatedRecord): boolean =>
    writtenAt > emulator.now() - RETENTION_MS - CLOCK_SKEW_MS

  /** DynamoDB Local refuses every position in a shard whose records are all trimmed. */
  const isUnreadable = ({ records, trimmed }: EmulatedShard): boolean =>
    world.profile === 'local' && trimmed > 0 && trimmed === records.length

  /** Whether a gap was reported for the shard, an ancestor or a descendant. */
  const isGapReported = ({ gaps }: Session, shardId: string): boolean => {
    if (gaps.size === 0) return false
    if (gaps.has(shardId) || ancestorsOf(world, shardId).some((one) => gaps.has(one.shardId))) return true
    return [...gaps].some((gap) => ancestorsOf(world, gap).some((one) => one.shardId === shardId))
  }

  /**
   * Whether an earlier record of the same lineage was delivered, which shows that the record was not too old
   * from the start.
   */
  const wasLineageRead = (session: Session, record: EmulatedRecord): boolean => {
    const { records } = emulator.shard(record.shardId)
    const before = records.slice(0, records.indexOf(record as (typeof records)[number]))
    return [before, ...ancestorsOf(world, record.shardId).map((shard) => shard.records)].some((some) =>
      some.some((one) => session.delivered.has(one)),
    )
  }

  /**
   * Whether a token cannot exclude the record, because its shard was not known when the token was taken. Such
   * a record may be dated before the requested time although it was written later.
   */
  const isUnknownToToken = (
    { isReloaded, origin }: Session,
    { shardId, writtenAt }: EmulatedRecord,
  ): boolean =>
    isReloaded && (origin.notListed.has(shardId) || writtenAt >= (origin.since ?? Number.POSITIVE_INFINITY))

  const wasListed: Oracle['wasListed'] = ({ entries }, shardId, before) =>
    emulator.log
      .slice(entries, before)
      .some((entry) => entry.op === 'DescribeStream' && entry.shards?.includes(shardId))

  const isKnownToReader: Oracle['isKnownToReader'] = (session, shardId) => {
    const children = emulator.shards.filter(({ parentId }) => parentId === shardId)
    return [shardId, ...children.map((child) => child.shardId)].some((one) => wasListed(session, one))
  }

  /**
   * Whether a record from before the position belongs to a shard that the reader cannot know to be an
   * ancestor. With `latest`, open shards are read without their ancestors. If an ancestor was hidden at
   * first, together with its children, and is listed before them, nothing indicates that it is an ancestor.
   */
  const isUnknownAncestor = (session: Session, record: EmulatedRecord): boolean =>
    !session.origin.requires(record) &&
    !emulator.shards.some(
      ({ shardId, parentId }) => parentId === record.shardId && wasListed(session, shardId),
    )

  return {
    startSession: (origin, entries) => ({
      origin,
      delivered: new Set(),
      lastInShard: new Map(),
      lastOfKey: new Map(),
      descendantsDelivered: new Set(),
      gaps: new Set(),
      newest: Number.NEGATIVE_INFINITY,
      isReloaded: false,
      entries,
      deliveredDuringMove: new Set(),
    }),

    deliver: (session, { shardId, sequenceNumber }) => {
      const found = find(shardId, sequenceNumber)
      if (!found)
        throw new Violation('no unrequested records', `${shardId} ${sequenceNumber} was never written`)
      const { record, index } = found
      const name = nameOfRecord(record)
      if (session.delivered.has(record)) throw new Violation('no duplicates', `${name} was delivered again`)
      if (!session.origin.allows(record) && !isUnknownToToken(session, record)) {
        throw new Violation(
          'no unrequested records',
          `${name} was delivered, but it is older than the position`,
        )
      }
      if (index < (session.lastInShard.get(shardId) ?? -1)) {
        throw new Violation('shard order', `${name} was delivered after a later record of its shard`)
      }
      const isOfUnknownLineage =
        session.descendantsDelivered.has(shardId) && isUnknownAncestor(session, record)
      if (session.descendantsDelivered.has(shardId) && !isOfUnknownLineage) {
        throw new Violation(
          'parent first',
          `${name} was delivered after a record of a descendant of ${nameOf(shardId)}`,
        )
      }
      const lastOfKey = session.lastOfKey.get(record.keyText) ?? -1
      if (index < lastOfKey && !isOfUnknownLineage) {
        throw new Violation('key order', `${name} was delivered after a later record of ${record.keyText}`)
      }
      const time = record.createdAt ?? Number.NEGATIVE_INFINITY
      // In a plain world, times never decrease within a lineage. A record of the second before `latest` is
      // optional and may be delivered hours later, when its shard is reopened.
      const isRequired = session.origin.requires(record)
      if (world.isPlain && isRequired && time < session.newest - ONE_POLL_MS) {
        const minutes = Math.round((session.newest - time) / 60_000)
        throw new Violation(
          'time order',
          `${name} was delivered after a record that is ${minutes} minutes newer`,
        )
      }
      session.newest = Math.max(session.newest, time)
      session.delivered.add(record)
      session.lastInShard.set(shardId, index)
      session.lastOfKey.set(record.keyText, Math.max(lastOfKey, index))
      for (const ancestor of ancestorsOf(world, shardId)) session.descendantsDelivered.add(ancestor.shardId)
    },

    deliverDuringMove: ({ deliveredDuringMove }, { shardId, sequenceNumber }) => {
      const found = find(shardId, sequenceNumber)
      if (!found)
        throw new Violation('no unrequested records', `${shardId} ${sequenceNumber} was never written`)
      deliveredDuringMove.add(found.record)
    },

    recordGap: (session, { shardId, after, reason }) => {
      session.gaps.add(shardId)
      const shard = emulator.shard(shardId)
      if (reason === 'shard-vanished') {
        if (!shard.removed)
          throw new Violation('no false gaps', `${nameOf(shardId)} was reported as expired, but still exists`)
        return
      }
      // DynamoDB Local refuses every position in a fully trimmed shard. Nothing more can be learned about a
      // closed one.
      if (isUnreadable(shard) && !shard.open) return
      const from =
        after === undefined ? 0 : shard.records.findIndex((one) => one.sequenceNumber === after) + 1
      const { origin, delivered } = session
      // What precedes the gap is unknown if the shard was listed late, or if the requested time is older than
      // the retention.
      const isTimeTrimmed = (origin.since ?? Number.POSITIVE_INFINITY) < emulator.now() - RETENTION_MS
      if (after === undefined && (isTimeTrimmed || origin.notListed.has(shardId))) return
      // For such a time it is also unknown if no earlier record of the shard was delivered here.
      if (isTimeTrimmed && !shard.records.slice(0, from).some((one) => delivered.has(one))) return
      const isMissed = shard.records
        .slice(from)
        .some(
          (one) =>
            one.trimmed &&
            !delivered.has(one) &&
            (after === undefined ? origin.requires(one) : origin.allows(one)),
        )
      if (!isMissed)
        throw new Violation(
          'no false gaps',
          `a gap was reported for ${nameOf(shardId)}, but no record of it was trimmed unread`,
        )
    },

    wasListed,
    isKnownToReader,

    outstanding: (session, before = emulator.records.length) => {
      const lost: EmulatedRecord[] = []
      const unreported: EmulatedRecord[] = []
      for (const record of emulator.records.slice(0, before)) {
        if (session.delivered.has(record) || !session.origin.requires(record)) continue
        if (session.deliveredDuringMove.has(record)) continue
        if (!record.trimmed) lost.push(record)
        else if (isGapReported(session, record.shardId) || isNearTrimHorizon(record)) continue
        // No listing showed the shard before it was trimmed.
        else if (!isKnownToReader(session, record.shardId)) continue
        // The gap is reported when the next record is written.
        else if (isUnreadable(emulator.shard(record.shardId))) continue
        else if (!session.origin.mustReportIfTrimmed(record) && !wasLineageRead(session, record)) continue
        else unreported.push(record)
      }
      return { lost, unreported }
    },
  }
}
