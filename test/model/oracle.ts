import type { GapReason } from '../../src/core/errors.ts'
import type { EmulatedRecord, EmulatedShard } from '../../src/testing/index.ts'
import { ancestorsOf, type Origin } from './origin.ts'
import { RETENTION_MS } from './retention.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

const CLOCK_SKEW_MS = 10 * 60_000

/** How far, in ms, a record may be behind the times of those that were delivered before it: "as close as one poll allows". */
const ONE_POLL_MS = 60_000

/** What a reader was given since its position, and what that forbids from now on. */
export interface Session {
  readonly origin: Origin
  readonly delivered: Set<EmulatedRecord>
  /** The place of the last record, by shard and by key. */
  readonly lastInShard: Map<string, number>
  readonly lastOfKey: Map<string, number>
  /** Shards of which an heir's record was given out. */
  readonly passed: Set<string>
  /** Shards of which the reader told that records are gone. */
  readonly gaps: Set<string>
  /** The time of the newest record that was delivered since the position was taken or loaded. */
  newest: number
  /** Whether it went through a token: a shard that no listing showed when the position was taken is whole and new to it. */
  isReloaded: boolean
  /** How long the service's log was when the reader began. */
  readonly entries: number
  /** Records that came while the position was being changed: nobody can say to which side they belong. */
  readonly between: Set<EmulatedRecord>
}

export interface Gap {
  readonly shardId: string
  readonly after: string | undefined
  readonly reason: GapReason
}

/** Holds what a reader does against what was written. Each method throws a {@link Violation}. */
export interface Oracle {
  begin(origin: Origin, entries: number): Session
  /** A record was given out. */
  deliver(session: Session, record: { readonly shardId: string; readonly sequenceNumber: string }): void
  /** A record was given out while the position was being changed. */
  deliverBetween(
    session: Session,
    record: { readonly shardId: string; readonly sequenceNumber: string },
  ): void
  /** A gap was told. */
  tellGap(session: Session, gap: Gap): void
  /** Whether a listing has shown the reader a shard. */
  wasListed(session: Session, shardId: string, before?: number): boolean
  /** Whether a listing has shown the reader a shard, or one that goes on from it. */
  isHeardOf(session: Session, shardId: string): boolean
  /** Records that are still owed; those that were trimmed only where nobody was told. */
  owed(
    session: Session,
    before?: number,
  ): { readonly lost: EmulatedRecord[]; readonly untold: EmulatedRecord[] }
}

/** A session that goes on from a token that was taken in another one. */
export function reloadSession(session: Session, entries: number): Session {
  return { ...copySession(session), isReloaded: true, entries, newest: Number.NEGATIVE_INFINITY }
}

/** A copy that goes its own way: what a token covers. */
export function copySession(session: Session): Session {
  return {
    origin: session.origin,
    delivered: new Set(session.delivered),
    lastInShard: new Map(session.lastInShard),
    lastOfKey: new Map(session.lastOfKey),
    passed: new Set(session.passed),
    gaps: new Set(session.gaps),
    newest: session.newest,
    isReloaded: session.isReloaded,
    entries: session.entries,
    between: new Set(session.between),
  }
}

export function createOracle(world: World): Oracle {
  const { emulator, nameOf, nameOfRecord } = world
  const byName = new Map<string, { record: EmulatedRecord; place: number }>()

  const find = (shardId: string, sequenceNumber: string) => {
    for (let place = byName.size; place < emulator.records.length; place++) {
      const record = emulator.records[place] as EmulatedRecord
      byName.set(`${record.shardId} ${record.sequenceNumber}`, { record, place })
    }
    return byName.get(`${shardId} ${sequenceNumber}`)
  }

  /** The library's clock and the service's are not the same: so near the horizon nobody can tell for sure. */
  const isJustTrimmed = ({ writtenAt }: EmulatedRecord): boolean =>
    writtenAt > emulator.now() - RETENTION_MS - CLOCK_SKEW_MS

  /** All of it is trimmed, and DynamoDB Local refuses every position of such a shard. */
  const isUnreadable = ({ records, trimmed }: EmulatedShard): boolean =>
    world.profile === 'local' && trimmed > 0 && trimmed === records.length

  /** Told of the shard itself, of one before it, or of one that comes after it. */
  const isGapTold = ({ gaps }: Session, shardId: string): boolean => {
    if (gaps.size === 0) return false
    if (gaps.has(shardId) || ancestorsOf(world, shardId).some((one) => gaps.has(one.shardId))) return true
    return [...gaps].some((gap) => ancestorsOf(world, gap).some((one) => one.shardId === shardId))
  }

  /** Whether the lineage of a record was read from before it: then nobody can say that it was too old from the start. */
  const isBegunBefore = (session: Session, record: EmulatedRecord): boolean => {
    const { records } = emulator.shard(record.shardId)
    const before = records.slice(0, records.indexOf(record as (typeof records)[number]))
    return [before, ...ancestorsOf(world, record.shardId).map((shard) => shard.records)].some((some) =>
      some.some((one) => session.delivered.has(one)),
    )
  }

  /**
   * Whether a token could not exclude the record, because its shard was not known when the token was taken. Such a record may
   * be dated before the requested time, though it was written after it.
   */
  const isNewToToken = ({ isReloaded, origin }: Session, { shardId, writtenAt }: EmulatedRecord): boolean =>
    isReloaded && (origin.notListed.has(shardId) || writtenAt >= (origin.since ?? Number.POSITIVE_INFINITY))

  const wasListed: Oracle['wasListed'] = ({ entries }, shardId, before) =>
    emulator.log
      .slice(entries, before)
      .some((entry) => entry.op === 'DescribeStream' && entry.shards?.includes(shardId))

  const isHeardOf: Oracle['isHeardOf'] = (session, shardId) => {
    const children = emulator.shards.filter(({ parentId }) => parentId === shardId)
    return [shardId, ...children.map((child) => child.shardId)].some((one) => wasListed(session, one))
  }

  /**
   * Whether a record from before the position comes from a shard that the reader cannot know to be an ancestor. With
   * `latest`, open shards are read without their ancestors; if one was hidden at first, together with its children, and is
   * listed before them, nothing tells that it is an ancestor.
   */
  const isUnknownAncestor = (session: Session, record: EmulatedRecord): boolean =>
    !session.origin.requires(record) &&
    !emulator.shards.some(
      ({ shardId, parentId }) => parentId === record.shardId && wasListed(session, shardId),
    )

  return {
    begin: (origin, entries) => ({
      origin,
      delivered: new Set(),
      lastInShard: new Map(),
      lastOfKey: new Map(),
      passed: new Set(),
      gaps: new Set(),
      newest: Number.NEGATIVE_INFINITY,
      isReloaded: false,
      entries,
      between: new Set(),
    }),

    deliver: (session, { shardId, sequenceNumber }) => {
      const found = find(shardId, sequenceNumber)
      if (!found) throw new Violation('nothing unwanted', `${shardId} ${sequenceNumber} was never written`)
      const { record, place } = found
      const name = nameOfRecord(record)
      if (session.delivered.has(record)) throw new Violation('nothing twice', `${name} came again`)
      if (!session.origin.allows(record) && !isNewToToken(session, record)) {
        throw new Violation('nothing unwanted', `${name} is older than the position`)
      }
      if (place < (session.lastInShard.get(shardId) ?? -1)) {
        throw new Violation('shard order', `${name} came after a later record of its shard`)
      }
      const isOfUnknownLineage = session.passed.has(shardId) && isUnknownAncestor(session, record)
      if (session.passed.has(shardId) && !isOfUnknownLineage) {
        throw new Violation('parent first', `${name} came after a record of an heir of ${nameOf(shardId)}`)
      }
      const lastOfKey = session.lastOfKey.get(record.keyText) ?? -1
      if (place < lastOfKey && !isOfUnknownLineage) {
        throw new Violation('key order', `${name} came after a later record of ${record.keyText}`)
      }
      const time = record.createdAt ?? Number.NEGATIVE_INFINITY
      // Where nothing is odd, times never step back in a lineage.
      // A record of the second before `latest` may be left out, or come when its shard is opened again hours later.
      const isRequired = session.origin.requires(record)
      if (world.isPlain && isRequired && time < session.newest - ONE_POLL_MS) {
        const minutes = Math.round((session.newest - time) / 60_000)
        throw new Violation('time order', `${name} came after a record that is ${minutes} minutes newer`)
      }
      session.newest = Math.max(session.newest, time)
      session.delivered.add(record)
      session.lastInShard.set(shardId, place)
      session.lastOfKey.set(record.keyText, Math.max(lastOfKey, place))
      for (const ancestor of ancestorsOf(world, shardId)) session.passed.add(ancestor.shardId)
    },

    deliverBetween: ({ between }, { shardId, sequenceNumber }) => {
      const found = find(shardId, sequenceNumber)
      if (!found) throw new Violation('nothing unwanted', `${shardId} ${sequenceNumber} was never written`)
      between.add(found.record)
    },

    tellGap: (session, { shardId, after, reason }) => {
      session.gaps.add(shardId)
      const shard = emulator.shard(shardId)
      if (reason === 'shard-vanished') {
        if (!shard.removed) throw new Violation('no false gap', `${nameOf(shardId)} is still there`)
        return
      }
      // DynamoDB Local refuses every position of a shard that is trimmed whole: of a closed one nobody learns more.
      if (isUnreadable(shard) && !shard.open) return
      const from =
        after === undefined ? 0 : shard.records.findIndex((one) => one.sequenceNumber === after) + 1
      const { origin, delivered } = session
      // Nobody can tell what there was in a shard that was seen too late, or when even the time asked for is trimmed.
      const isTimeTrimmed = (origin.since ?? Number.POSITIVE_INFINITY) < emulator.now() - RETENTION_MS
      if (after === undefined && (isTimeTrimmed || origin.notListed.has(shardId))) return
      // Nor when only records from before that time were read.
      if (isTimeTrimmed && !shard.records.slice(0, from).some((one) => delivered.has(one))) return
      const isMissed = shard.records
        .slice(from)
        .some(
          (one) =>
            one.trimmed &&
            !delivered.has(one) &&
            (after === undefined ? origin.requires(one) : origin.allows(one)),
        )
      if (!isMissed) throw new Violation('no false gap', `nothing of ${nameOf(shardId)} was trimmed unread`)
    },

    wasListed,
    isHeardOf,

    owed: (session, before = emulator.records.length) => {
      const lost: EmulatedRecord[] = []
      const untold: EmulatedRecord[] = []
      for (const record of emulator.records.slice(0, before)) {
        if (session.delivered.has(record) || !session.origin.requires(record)) continue
        if (session.between.has(record)) continue
        if (!record.trimmed) lost.push(record)
        else if (isGapTold(session, record.shardId) || isJustTrimmed(record)) continue
        // It came and went, and no listing ever showed it.
        else if (!isHeardOf(session, record.shardId)) continue
        // Told of when the next record is written.
        else if (isUnreadable(emulator.shard(record.shardId))) continue
        else if (!session.origin.isPromised(record) && !isBegunBefore(session, record)) continue
        else untold.push(record)
      }
      return { lost, untold }
    },
  }
}
