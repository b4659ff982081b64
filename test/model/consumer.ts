import { isStreamError } from '../../src/core/errors.ts'
import type { StreamToken } from '../../src/position/token.ts'
import {
  type EmulatedRecord,
  type EmulatedShard,
  expectAtMostDescribeCalls,
  type LogEntry,
} from '../../src/testing/index.ts'
import { maxOneWayMs } from './latency.ts'
import { copySession, createOracle, type Gap, type Oracle, reloadSession, type Session } from './oracle.ts'
import {
  ancestorsOf,
  fromFuture,
  fromLatest,
  fromTime,
  fromTrimHorizon,
  type Origin,
  type RequestSnapshot,
} from './origin.ts'
import { pick } from './pick.ts'
import { RETENTION_MS } from './retention.ts'
import { seeded } from './seeded.ts'
import { settle } from './settle.ts'
import type { ReaderStep, Setup, Start } from './steps.ts'
import type { Subject, SubjectFactory } from './subject.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** Half of the limit that AWS sets for an account. */
const DESCRIBE_CALLS_PER_SECOND = 5
const MAX_PAGE_BYTES = 1024 * 1024
const LARGEST_RECORD_BYTES = 400 * 1024

/**
 * Rounds of reading at the end of a history, and the pause between two of them (ms), which exceeds any wait
 * in the library.
 */
const LAST_ROUNDS = 12
const LAST_ROUND_MS = 61_000

/** How long `next()` may wait for shards other than that of the record it returns, in ms. */
const MAX_BLOCKED_MS = 150_000

/** A generous bound on the calls needed to confirm that a shard has no more records. */
const CALLS_PER_SHARD = 20

/** Once the reader has made no calls for this long (ms), the library makes no calls to the service either. */
const QUIET_AFTER_MS = 15 * 60_000
const QUIET_CHECKED_MS = 60_000
const MAX_QUIET_CALLS = 5

/** The tolerance for a reported lag, in ms: one or two slow polls of many shards. */
const LAG_SLACK_MS = 60_000

/** How long a closed shard may stay in memory, in ms: until it is trimmed, plus a margin. */
const MAX_REMEMBERED_MS = 72 * 3_600_000
const HOUR_MS = 3_600_000

/** Reads the stream as the steps of a history say, and checks every result with the oracle. */
export interface Consumer {
  perform(step: ReaderStep): Promise<void>
  /** Once faults are lifted, reads until every outstanding record has been delivered. */
  finish(): Promise<void>
  /** Does the same from one of the saved tokens, if there are any. */
  finishFromSaved(number: number): Promise<void>
  close(): Promise<void>
}

/** Names of the errors for missing permissions and invalid credentials. */
const credentialErrors: ReadonlySet<string> = new Set(['AccessDeniedException', 'ExpiredTokenException'])

const serviceCalls: ReadonlySet<string> = new Set(['DescribeStream', 'GetShardIterator', 'GetRecords'])

type Position = Start | { readonly token: number }

export function createConsumer(
  world: World,
  setup: Setup,
  createSubject: SubjectFactory,
  trace: (line: () => string) => void,
): Consumer {
  const { clock, emulator } = world
  const oracle: Oracle = createOracle(world)
  const saved: { readonly json: string; readonly session: Session }[] = []
  let subject: Subject | undefined
  let session: Session | undefined
  /** The session of the previous position while a `moveTo` is in flight. */
  let previousSession: Session | undefined
  let { onGap, pageSize } = setup.reader
  let logStart = 0
  let deniedSeen = 0
  let notFoundSeen = 0
  let isGone = false
  let firstViolation: unknown

  const random = seeded(setup.seed)

  const open = (): Subject => {
    logStart = emulator.log.length
    const opened = createSubject(
      {
        ...setup.reader,
        onGap,
        pageSize,
        client: world.client,
        streamArn: emulator.streamArn,
        clock,
        random,
      },
      { gap: onGapEvent, parentWaitTimedOut: onParentWaitTimedOut },
    )
    subject = opened
    return opened
  }

  const recordGap = (gap: Gap): void => {
    trace(() => `    gap reported in ${world.nameOf(gap.shardId)} (${gap.reason})`)
    if (!session) return
    // While a `moveTo` is in flight, the gap may belong to the previous position, which remains in effect if
    // the move fails.
    const affected =
      previousSession === undefined || previousSession === session ? [session] : [session, previousSession]
    const errors: unknown[] = []
    for (const one of affected) {
      try {
        oracle.recordGap(one, gap)
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length === affected.length) throw errors[0]
  }

  /** Events are emitted outside of a step, so a violation is kept and thrown at the next step. */
  const onGapEvent = (gap: Gap): void => {
    try {
      recordGap(gap)
    } catch (error) {
      firstViolation ??= error
    }
  }

  /** No parent is hidden long enough for the wait to time out, so this event is always a violation. */
  const onParentWaitTimedOut = (parentId: string): void => {
    trace(() => `    the wait for parent ${world.nameOf(parentId)} timed out`)
    firstViolation ??= new Violation(
      'waits for hidden parents',
      `the wait for parent ${world.nameOf(parentId)} timed out too early`,
    )
  }

  const throwFirstViolation = (): void => {
    if (firstViolation !== undefined) throw firstViolation
  }

  const close = async (): Promise<void> => {
    throwFirstViolation()
    if (!subject) return
    checkCalls()
    await settle(clock, subject.close())
    subject = undefined
  }

  const checkCalls = (): void => {
    try {
      expectAtMostDescribeCalls(emulator.log.slice(logStart), DESCRIBE_CALLS_PER_SECOND)
    } catch (error) {
      throw new Violation('few DescribeStream calls', error instanceof Error ? error.message : '', error)
    }
  }

  /** Handles a rejected call. Throws a violation unless the history explains the error. */
  const handleError = async (error: unknown, during: 'moveTo' | 'other' = 'other'): Promise<void> => {
    if (error instanceof Violation) throw error
    if (isStreamError(error, 'records.trimmed')) return recover(error.details)
    if (isStreamError(error, 'stream.notFound') && isStreamGone()) {
      trace(() => '    the stream no longer exists')
      isGone = true
      return
    }
    // A failed `moveTo` loses nothing, so a wrong "not found" may surface from it.
    if (
      isStreamError(error, 'stream.notFound') &&
      during === 'moveTo' &&
      notFoundSeen < world.notFoundCalls
    ) {
      notFoundSeen++
      trace(() => '    not found')
      return
    }
    if (error instanceof Error && credentialErrors.has(error.name) && deniedSeen < world.deniedCalls) {
      deniedSeen++
      trace(() => `    ${error.name}`)
      return
    }
    throw new Violation('no unexpected error', String(error), error)
  }

  const isStreamGone = (): boolean => {
    if (world.ending !== 'disabled') return world.ending === 'deleted'
    const disabledAt = Math.max(...emulator.shards.map(({ closedAt }) => closedAt ?? 0))
    return disabledAt <= emulator.now() - RETENTION_MS
  }

  /**
   * Recovers from a gap: by the seed, either moves to `trim_horizon` or reloads the token with
   * `onGap: 'continue'`.
   */
  const recover = async (gap: Gap): Promise<void> => {
    recordGap(gap)
    if (setup.seed % 2 === 0) return moveTo('trim_horizon')
    onGap = 'continue'
    await reload('now', pageSize)
  }

  /** Moves the current reader, or opens one first. */
  const moveTo = async (position: Position, isMixed = false): Promise<void> => {
    if (isGone) return
    trace(() => `  moveTo ${describePosition(position)}`)
    const reader = subject ?? open()
    const snapshot = {
      records: emulator.records.length,
      entries: emulator.log.length,
      serviceTime: emulator.now(),
      // With latency, listings for the previous position may still be in flight.
      isMixed: isMixed || (session !== undefined && setup.latencyMs > 0),
    }
    const token =
      typeof position === 'object' && 'token' in position ? pick(saved, position.token) : undefined
    if (typeof position === 'object' && 'token' in position && !token) return
    const sessionBefore = session
    try {
      if (token) {
        session = sessionOf(token, snapshot.entries)
        await settle(clock, reader.moveTo(token.json))
        return
      }
      const since =
        typeof position === 'object' && 'agoMs' in position ? snapshot.serviceTime - position.agoMs : 0
      const to = typeof position === 'string' ? position : new Date(since)
      await settle(clock, reader.moveTo(to))
      session = oracle.startSession(originOf(to, snapshot), snapshot.entries)
    } catch (error) {
      session = sessionBefore
      await handleError(error, 'moveTo')
    }
  }

  const originOf = (to: 'trim_horizon' | 'latest' | Date, snapshot: RequestSnapshot): Origin => {
    if (to === 'trim_horizon') return fromTrimHorizon(world, snapshot)
    if (to === 'latest') return fromLatest(world, snapshot)
    if (Number(to) > snapshot.serviceTime) return fromFuture(world, snapshot, Number(to))
    return fromTime(world, snapshot, Number(to))
  }

  const moveWhileReading = async (position: Position): Promise<void> => {
    const reader = await ensureStarted()
    if (isGone) return
    const pending = reader.next().catch((error: unknown) => {
      // The error may belong to either position; if it persists, the next call rejects with it.
      if (!isStreamError(error, 'records.trimmed') && !isStreamError(error, 'stream.notFound')) throw error
      return undefined
    })
    pending.catch(() => {})
    previousSession = session
    try {
      await moveTo(position, true)
      const record = await settle(clock, pending)
      trace(() => `    received ${record ? world.nameOfRecord(record) : 'nothing'} during the move`)
      if (record) oracle.deliverDuringMove(session as Session, record)
    } catch (error) {
      await handleError(error)
    } finally {
      previousSession = undefined
    }
  }

  /** Returns the reader, opened and moved to a position if necessary. */
  const ensureStarted = async (): Promise<Subject> => {
    for (let attempt = 0; !isGone && (!subject || !session); attempt++) {
      if (attempt === 20) throw new Violation('never stuck', 'moveTo() failed 20 times in a row')
      await moveTo(setup.startAt)
    }
    return subject as Subject
  }

  const reload = async (token: number | 'now', newPageSize: number): Promise<void> => {
    if (isGone || !subject || !session) return
    const from =
      token === 'now' || saved.length === 0
        ? { json: JSON.stringify(subject.token), session: copySession(session) }
        : (pick(saved, token) as (typeof saved)[number])
    trace(() => `  reload ${token === 'now' ? 'the current token' : 'a saved token'}: ${shorten(from.json)}`)
    await close()
    pageSize = newPageSize
    const opened = open()
    session = sessionOf(from, emulator.log.length)
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        return await settle(clock, opened.moveTo(from.json))
      } catch (error) {
        await handleError(error, 'moveTo')
        if (isGone || subject !== opened) return
      }
    }
    throw new Violation('never stuck', 'the token could not be loaded in 20 attempts')
  }

  /** The number of shards in the last loaded token. They stay in memory whether they are listed or not. */
  let shardsInToken = 0

  /** The session that a token restores, limited to what the token itself records. */
  const sessionOf = (
    from: { readonly json: string; readonly session: Session },
    entries: number,
  ): Session => {
    const after = reloadSession(from.session, entries)
    // The emulator trims expired records at the next call.
    const oldestKept = emulator.now() - RETENTION_MS
    const isTrimmed = (record: EmulatedRecord) => record.trimmed || record.writtenAt < oldestKept
    const trimmed = new Set(emulator.records.filter(isTrimmed))
    shardsInToken = (JSON.parse(from.json) as StreamToken).shards.length
    // `since: 0` means the oldest retained record and does not say when that was requested: a shard that was
    // complete then may have been trimmed by the time the token is loaded.
    if (from.json.includes('"since":0}')) return withPromise(after, () => false)
    // A token without shards does not say when it was taken either.
    if (from.json.includes('"shards":[]')) {
      return withPromise(after, (record) => !trimmed.has(record) && after.origin.mustReportIfTrimmed(record))
    }
    return after
  }

  const shorten = (json: string): string =>
    json.replaceAll(/shardId-\d+-[0-9a-f]+/g, (id) => world.nameOf(id)).replace(/^.*"shards":/, '')

  /** Makes `width` concurrent calls of `next()`. Returns the number of records delivered. */
  const read = async (width: number): Promise<number> => {
    const reader = await ensureStarted()
    if (isGone) return 0
    const current = session as Session
    const cutoff = emulator.records.length
    const awakeMs = () => clock.monotonic() - world.suspendedMs
    const start = { at: awakeMs(), entries: emulator.log.length }
    const tookMs = new Map<unknown, number>()
    const calls = Array.from({ length: width }, async () => {
      const record = await reader.next()
      tookMs.set(record, awakeMs() - start.at)
      return record
    })
    const results = await settle(clock, Promise.allSettled(calls))
    throwFirstViolation()
    let count = 0
    for (const result of results) {
      if (result.status === 'rejected' || result.value === undefined) continue
      const record = result.value
      trace(() => `    received ${world.nameOfRecord(record)}`)
      checkNotBlocked(record, cutoff, start.entries, tookMs.get(record) as number)
      oracle.deliver(current, record)
      count++
    }
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) await handleError(failed.reason)
    else if (count === 0) {
      checkNothingAvailable(current, cutoff)
      checkMemory(reader)
      checkLag(reader, current, { isAtTip: true })
    }
    checkBuffer(reader)
    checkEnd(reader, current)
    return failed && !isGone ? Math.max(1, count) : count
  }

  const checkNothingAvailable = (current: Session, cutoff: number): void => {
    trace(() => '    nothing new')
    if (!world.isPlain) return
    const [left] = oracle.outstanding(current, cutoff).lost
    if (left)
      throw new Violation(
        'no false undefined',
        `next() returned undefined, but ${world.nameOfRecord(left)} was available`,
      )
  }

  /** An available record in a shard that is read without errors must not wait for failing shards. */
  const checkNotBlocked = (
    { shardId, sequenceNumber }: { readonly shardId: string; readonly sequenceNumber: string },
    cutoff: number,
    entries: number,
    tookMs: number,
  ): void => {
    const { latencyMs, reader } = setup
    const callsMs = (emulator.openShards.length * CALLS_PER_SHARD * latencyMs) / reader.maxConcurrentReads
    // A call may hang for a shard, and then for its child.
    const hanging = new Set(
      emulator.log.slice(entries).flatMap(({ effect, shard }) => (effect?.includes('hang') ? [shard] : [])),
    )
    if (tookMs <= MAX_BLOCKED_MS * Math.max(1, hanging.size) + callsMs) return
    const written = emulator.records.findIndex(
      (record) => record.shardId === shardId && record.sequenceNumber === sequenceNumber,
    )
    const lineage = new Set([shardId, ...ancestorsOf(world, shardId).map((shard) => shard.shardId)])
    const during = emulator.log.slice(entries)
    const isAtFault = during.some(({ shard, error }) => error !== undefined && lineage.has(shard ?? ''))
    const wasRead = emulator.log
      .slice(logStart, entries)
      .some(({ op, shard, error }) => op === 'GetRecords' && shard === shardId && error === undefined)
    if (written >= cutoff || isAtFault || !wasRead) return
    throw new Violation(
      'isolated failures',
      `${world.nameOfRecord({ shardId, sequenceNumber })} was delivered after ${Math.round(tookMs / 1_000)} s`,
    )
  }

  /** Of the shards that are neither recent nor in the loaded token, none may stay in memory. */
  const checkMemory = ({ memory }: Subject): void => {
    if (!memory || !world.isPlain) return
    // A reader that has not listed the shards for a while learns only from its next listing which of them are
    // no longer listed.
    const listedAt = emulator.log.findLast(
      ({ op, at }) => op === 'DescribeStream' && at <= emulator.now() - HOUR_MS,
    )?.at
    const since = Math.min(emulator.now() - MAX_REMEMBERED_MS, listedAt ?? Number.POSITIVE_INFINITY)
    const recent = emulator.shards.filter(({ closedAt }) => closedAt === undefined || closedAt >= since)
    for (const [what, count] of Object.entries(memory)) {
      const limit = recent.length + shardsInToken
      if (count <= limit || count <= limit + listedSince(since, recent)) continue
      throw new Violation(
        'bounded memory',
        `${count} ${what} are held in memory, with ${recent.length} recent shards`,
      )
    }
  }

  /**
   * The number of other shards listed since `since`: a reader that was idle learns only later that they are
   * no longer listed.
   */
  const listedSince = (since: number, others: readonly EmulatedShard[]): number => {
    const listed = new Set(emulator.log.flatMap(({ at, shards = [] }) => (at >= since ? shards : [])))
    for (const { shardId } of others) listed.delete(shardId)
    return listed.size
  }

  /**
   * Whether every open shard was polled within the tolerance for a lag. Until then the lag of the shard is
   * unknown.
   */
  const wereShardsReadRecently = (): boolean => {
    const since = emulator.now() - LAG_SLACK_MS
    const read = emulator.log
      .filter(({ op, at }) => op === 'GetRecords' && at >= since)
      .map(({ shard }) => shard)
    return emulator.openShards.every(({ shardId }) => read.includes(shardId))
  }

  /**
   * Whether the reader can know the service's time. Its local clock may be wrong, and the `Date` header of a
   * response that arrived while the process was suspended is stale by the length of the suspension.
   */
  const isTimeKnown = (): boolean => {
    const long = world.suspensions.filter(({ from, until }) => until - from > LAG_SLACK_MS)
    const slowestMs = maxOneWayMs(setup.latencyMs)
    return emulator.log
      .slice(logStart)
      .some(
        ({ op, at, error }) =>
          (op === 'DescribeStream' || op === 'GetRecords') &&
          error === undefined &&
          !long.some(({ from, until }) => from <= at + slowestMs && until >= at),
      )
  }

  /** The lag is the age of the oldest outstanding record, whether or not the reader has requested it. */
  const checkLag = (reader: Subject, current: Session, { isAtTip }: { readonly isAtTip: boolean }): void => {
    const lag = reader.lag?.()
    if (!lag || !world.isPlain || world.wasAsleep || !isTimeKnown()) return
    const [oldest] = oracle.outstanding(current).lost
    const behind = oldest ? emulator.now() - oldest.writtenAt : 0
    const { millisBehindLatest, retentionHeadroomMs } = lag
    const isTooLow = millisBehindLatest < behind - LAG_SLACK_MS
    // A shard that closes without children, which does not happen on AWS, looks like one whose children are
    // not listed yet.
    const isChildless = emulator.shards.some(
      ({ shardId, closedAt }) =>
        closedAt !== undefined && !emulator.shards.some(({ parentId }) => parentId === shardId),
    )
    const isTooHigh =
      isAtTip && !oldest && !isChildless && millisBehindLatest > LAG_SLACK_MS && wereShardsReadRecently()
    if (isTooLow || isTooHigh) {
      throw new Violation(
        'accurate lag',
        `lag() reports ${millisBehindLatest} ms, but the actual lag is ${behind} ms`,
      )
    }
    if (retentionHeadroomMs > Math.max(0, RETENTION_MS - behind) + LAG_SLACK_MS) {
      throw new Violation(
        'accurate lag',
        `lag() reports a headroom of ${retentionHeadroomMs} ms at an actual lag of ${behind} ms`,
      )
    }
  }

  const endedReaders = new WeakSet<Subject>()

  /**
   * A caller stops reading once `ended` is true. The reader cannot know shards that no listing has shown.
   */
  const checkEnd = (reader: Subject, current: Session): void => {
    if (!reader.ended || endedReaders.has(reader)) return
    endedReaders.add(reader)
    const left = oracle
      .outstanding(current)
      .lost.find(({ shardId }) => oracle.isKnownToReader(current, shardId))
    if (left) throw new Violation('ends', `ended is true, but ${world.nameOfRecord(left)} was not delivered`)
  }

  const checkBuffer = (reader: Subject): void => {
    const { maxBufferedBytes, maxConcurrentReads } = setup.reader
    const limit = maxBufferedBytes + maxConcurrentReads * MAX_PAGE_BYTES
    const { bytes } = reader.buffer
    // The merge needs one record from each shard, whatever its size.
    const heads = emulator.openShards.length * LARGEST_RECORD_BYTES
    // DynamoDB Local does not limit the size of a page.
    if (bytes > limit + heads && setup.profile === 'aws')
      throw new Violation('bounded buffer', `${bytes} bytes are buffered, which exceeds ${limit}`)
  }

  /** Reads up to `times` times. Without a pause, stops after two consecutive reads that return nothing. */
  const readSeveral = async (times: number, width: number, pauseMs: number): Promise<void> => {
    let nothing = 0
    for (let n = 0; n < times && nothing < 2; n++) {
      nothing = (await read(width)) === 0 ? nothing + 1 : 0
      if (pauseMs === 0) continue
      nothing = 0
      await clock.advance(pauseMs)
    }
  }

  const drain = async (): Promise<void> => {
    for (let left = emulator.records.length + 100; left > 0; left--) {
      if ((await read(1)) === 0) return
    }
  }

  /** Lets time pass without demand. Calls in flight complete, and then polling must stop. */
  const pause = async (ms: number): Promise<void> => {
    const checkAt = QUIET_AFTER_MS + QUIET_CHECKED_MS
    if (ms < checkAt) return clock.advance(ms)
    await clock.advance(QUIET_AFTER_MS)
    const before = emulator.log.length
    await clock.advance(QUIET_CHECKED_MS)
    // A listing in flight may have any number of pages.
    const isLaterPage = ({ op, position, shard }: LogEntry) =>
      op === 'DescribeStream' && position !== undefined && shard === undefined
    const calls = emulator.log
      .slice(before)
      .filter((entry) => serviceCalls.has(entry.op) && !isLaterPage(entry))
    if (calls.length > MAX_QUIET_CALLS) {
      const ops = [...new Set(calls.map(({ op }) => op))].join(', ')
      throw new Violation(
        'no idle polling',
        `${calls.length} calls (${ops}) within a minute in which the consumer requested nothing`,
      )
    }
    await clock.advance(ms - checkAt)
  }

  const closeMidRead = async (afterMs: number): Promise<void> => {
    const reader = await ensureStarted()
    if (isGone) return
    const pending = reader.next()
    pending.catch(() => {})
    await clock.advance(afterMs)
    await settle(clock, reader.close())
    try {
      const record = await settle(clock, pending)
      if (record) oracle.deliver(session as Session, record)
      trace(() => `    closed; received ${record ? world.nameOfRecord(record) : 'nothing'}`)
    } catch (error) {
      trace(() => `    closed: ${String(error)}`)
      // The next reader reports the gap again.
      if (isStreamError(error, 'records.trimmed')) recordGap(error.details)
      else if (!isStreamError(error, 'closed')) await handleError(error)
    }
    await reload('now', pageSize)
  }

  const finish = async (): Promise<void> => {
    await ensureStarted()
    if (isGone) return
    let left = await continueReading(LAST_ROUNDS, LAST_ROUND_MS)
    // A shard that no listing has shown is discovered by the next complete listing.
    const isKnownToReader = ({ shardId }: EmulatedRecord) =>
      oracle.isKnownToReader(session as Session, shardId)
    if (setup.reader.discoveryIntervalMs > LAST_ROUND_MS && !left.lost.some(isKnownToReader)) {
      // One round to wait for the listing, one to discover the shard, one to read it.
      left = await continueReading(3, setup.reader.discoveryIntervalMs)
    }
    if (isGone) return
    const names = (records: EmulatedRecord[]) => records.map(world.nameOfRecord).slice(0, 10).join(' ')
    if (left.lost.length > 0) throw new Violation('complete', `never delivered: ${names(left.lost)}`)
    if (left.unreported.length > 0) {
      throw new Violation(
        'gaps reported',
        `trimmed unread, but no gap was reported: ${names(left.unreported)}`,
      )
    }
    if (world.ending === 'disabled' && !subject?.ended) {
      throw new Violation('ends', 'the stream is disabled and fully read, but ended is false')
    }
  }

  /** Alternates between reading and pausing until nothing is outstanding. */
  const continueReading = async (
    rounds: number,
    pauseMs: number,
  ): Promise<ReturnType<Oracle['outstanding']>> => {
    for (let round = 0; round < rounds && !isGone; round++) {
      const entries = emulator.log.length
      await drain()
      const { lost, unreported } = oracle.outstanding(session as Session)
      // Only the children of a shard that was never listed reveal it, in a complete listing, and they are
      // opened only then. A shard that was listed in this round may be read in the next one.
      const late = unreported.filter(({ shardId }) =>
        [shardId, emulator.shard(shardId).parentId].some(
          (one) => one !== undefined && !oracle.wasListed(session as Session, one, entries),
        ),
      )
      const left = lost.length + late.length
      if (left === 0 && (subject?.ended || world.ending === undefined)) break
      trace(() => `  ${pauseMs / 1_000} s later (${left} outstanding)`)
      await clock.advance(pauseMs)
    }
    return oracle.outstanding(session as Session)
  }

  return {
    perform: async (step) => {
      switch (step.do) {
        case 'next':
          return readSeveral(step.times, step.width, step.pauseMs)
        case 'drain':
          return drain()
        case 'heartbeat': {
          const reader = await ensureStarted()
          if (isGone) return
          const heartbeat = reader.heartbeat().catch(handleError)
          heartbeat.catch(() => {})
          if (step.whileReading) await read(1)
          await settle(clock, heartbeat)
          return
        }
        case 'save':
          if (!isGone && subject && session)
            saved.push({ json: JSON.stringify(subject.token), session: copySession(session) })
          return
        case 'reload':
          return reload(step.token, step.pageSize)
        case 'moveTo':
          return step.whileReading ? moveWhileReading(step.to) : moveTo(step.to)
        case 'pause':
          await pause(step.ms)
          if (subject && session && !isGone) checkLag(subject, session, { isAtTip: false })
          return
        case 'closeMidRead':
          return closeMidRead(step.afterMs)
      }
    },
    finish,
    finishFromSaved: async (number) => {
      if (saved.length === 0 || isGone) return
      await reload(number, setup.reader.pageSize)
      await finish()
    },
    close,
  }
}

function withPromise(session: Session, mustReportIfTrimmed: Origin['mustReportIfTrimmed']): Session {
  return { ...session, origin: { ...session.origin, mustReportIfTrimmed } }
}

function describePosition(position: Position): string {
  if (typeof position === 'string') return position
  return 'token' in position ? `token ${position.token}` : `${position.agoMs} ms ago`
}
