import { isStreamError } from '../../src/core/errors.ts'
import type { StreamToken } from '../../src/position/token.ts'
import {
  type EmulatedRecord,
  type EmulatedShard,
  expectAtMostDescribeCalls,
  type LogEntry,
} from '../../src/testing/index.ts'
import { longestWayMs } from './latency.ts'
import { copySession, createOracle, type Gap, type Oracle, reloadSession, type Session } from './oracle.ts'
import {
  type Asked,
  ancestorsOf,
  fromFuture,
  fromLatest,
  fromTime,
  fromTrimHorizon,
  type Origin,
} from './origin.ts'
import { RETENTION_MS } from './retention.ts'
import { seeded } from './seeded.ts'
import { settle } from './settle.ts'
import type { ReaderStep, Setup, Start } from './steps.ts'
import type { MakeSubject, Subject } from './subject.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** Half of what AWS allows an account. */
const DESCRIBE_CALLS_PER_SECOND = 5
const ANSWER_BYTES = 1024 * 1024
const LARGEST_RECORD_BYTES = 400 * 1024

/** How often the reader comes back at the end, and after which time, in ms. Longer than any wait of the library. */
const LAST_ROUNDS = 12
const LAST_ROUND_MS = 61_000

/** How long a call of `next` may wait for other shards than that of the record it returns, in ms. */
const LONGEST_HELD_UP_MS = 150_000

/** How many calls a shard takes, generously, until it is known that nothing is left in it. */
const CALLS_PER_SHARD = 20

/** After this time, in ms, without a call of the reader's there are no more calls of the service. */
const QUIET_AFTER_MS = 15 * 60_000
const QUIET_CHECKED_MS = 60_000
const MOST_QUIET_CALLS = 5

/** How far a lag may be from the truth, in ms: a poll or two, with slow calls, of many shards. */
const LAG_SLACK_MS = 60_000

/** For how long a shard may be remembered that was closed, in ms: until it is trimmed, and some time after that. */
const REMEMBERED_MS = 72 * 3_600_000
const HOUR_MS = 3_600_000

/** Somebody who reads the stream, with habits, and an oracle at his side. */
export interface Consumer {
  perform(step: ReaderStep): Promise<void>
  /** Reads on, with faults lifted, until everything that is owed was given out. */
  finish(): Promise<void>
  /** The same from one of the tokens that were saved. */
  finishFromSaved(number: number): Promise<void>
  close(): Promise<void>
}

/** What a call is rejected with for want of permission or of valid credentials. */
const refusals: ReadonlySet<string> = new Set(['AccessDeniedException', 'ExpiredTokenException'])

const serviceCalls: ReadonlySet<string> = new Set(['DescribeStream', 'GetShardIterator', 'GetRecords'])

type Position = Start | { readonly token: number }

export function createConsumer(
  world: World,
  setup: Setup,
  make: MakeSubject,
  tell: (line: () => string) => void,
): Consumer {
  const { clock, emulator } = world
  const oracle: Oracle = createOracle(world)
  const saved: { readonly text: string; readonly session: Session }[] = []
  let subject: Subject | undefined
  let session: Session | undefined
  /** The session of the position that is being left. */
  let leaving: Session | undefined
  let { onGap, pageSize } = setup.reader
  let logStart = 0
  let refusedSeen = 0
  let notFoundSeen = 0
  let isGone = false
  let heard: unknown

  const random = seeded(setup.seed)

  const open = (): Subject => {
    logStart = emulator.log.length
    const opened = make(
      {
        ...setup.reader,
        onGap,
        pageSize,
        client: world.client,
        streamArn: emulator.streamArn,
        clock,
        random,
      },
      { gap: hearGap, gaveUpParent: hearGaveUpParent },
    )
    subject = opened
    return opened
  }

  const tellGap = (gap: Gap): void => {
    tell(() => `    told of a gap in ${world.nameOf(gap.shardId)} (${gap.reason})`)
    if (!session) return
    // While the position is being changed, it may be one of the former, which stays if the change fails.
    const told = leaving === undefined || leaving === session ? [session] : [session, leaving]
    const errors: unknown[] = []
    for (const one of told) {
      try {
        oracle.tellGap(one, gap)
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length === told.length) throw errors[0]
  }

  /** Events come from elsewhere: what they break is thrown at the next step. */
  const hearGap = (gap: Gap): void => {
    try {
      tellGap(gap)
    } catch (error) {
      heard ??= error
    }
  }

  /** None is hidden for so long that the library may give it up. */
  const hearGaveUpParent = (parentId: string): void => {
    tell(() => `    gave up the parent ${world.nameOf(parentId)}`)
    heard ??= new Violation('hidden parents awaited', `${world.nameOf(parentId)} was given up too early`)
  }

  const throwHeard = (): void => {
    if (heard !== undefined) throw heard
  }

  const close = async (): Promise<void> => {
    throwHeard()
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

  /** Takes what a call was rejected with. Throws a violation if it should not have been. */
  const judge = async (error: unknown, during: 'moveTo' | 'other' = 'other'): Promise<void> => {
    if (error instanceof Violation) throw error
    if (isStreamError(error, 'records.trimmed')) return recover(error.details)
    if (isStreamError(error, 'stream.notFound') && isStreamGone()) {
      tell(() => '    the stream is gone')
      isGone = true
      return
    }
    // Nothing is lost if no position was taken, so a wrong answer may surface there.
    if (isStreamError(error, 'stream.notFound') && during === 'moveTo' && notFoundSeen < world.notFound) {
      notFoundSeen++
      tell(() => '    not found')
      return
    }
    if (error instanceof Error && refusals.has(error.name) && refusedSeen < world.refused) {
      refusedSeen++
      tell(() => `    ${error.name}`)
      return
    }
    throw new Violation('no unexpected error', String(error), error)
  }

  const isStreamGone = (): boolean => {
    if (world.isOver !== 'disabled') return world.isOver === 'deleted'
    const disabledAt = Math.max(...emulator.shards.map(({ closedAt }) => closedAt ?? 0))
    return disabledAt <= emulator.now() - RETENTION_MS
  }

  /** Two habits after a gap: go on from the token with another policy, or start at what is left. */
  const recover = async (gap: Gap): Promise<void> => {
    tellGap(gap)
    if (setup.seed % 2 === 0) return moveTo('trim_horizon')
    onGap = 'continue'
    await reload('now', pageSize)
  }

  /** Moves the reader that there is, or a new one. */
  const moveTo = async (position: Position, isMixed = false): Promise<void> => {
    if (isGone) return
    tell(() => `  moveTo ${describePosition(position)}`)
    const mover = subject ?? open()
    const asked = {
      records: emulator.records.length,
      entries: emulator.log.length,
      serviceTime: emulator.now(),
      // With latency, listings of the former position may still be under way.
      isMixed: isMixed || (session !== undefined && setup.latencyMs > 0),
    }
    const token =
      typeof position === 'object' && 'token' in position ? pick(saved, position.token) : undefined
    if (typeof position === 'object' && 'token' in position && !token) return
    const before = session
    try {
      if (token) {
        session = reloaded(token, asked.entries)
        await settle(clock, mover.moveTo(token.text))
        return
      }
      const since =
        typeof position === 'object' && 'agoMs' in position ? asked.serviceTime - position.agoMs : 0
      const to = typeof position === 'string' ? position : new Date(since)
      await settle(clock, mover.moveTo(to))
      session = oracle.begin(originOf(to, asked), asked.entries)
    } catch (error) {
      session = before
      await judge(error, 'moveTo')
    }
  }

  const originOf = (to: 'trim_horizon' | 'latest' | Date, asked: Asked): Origin => {
    if (to === 'trim_horizon') return fromTrimHorizon(world, asked)
    if (to === 'latest') return fromLatest(world, asked)
    if (Number(to) > asked.serviceTime) return fromFuture(world, asked, Number(to))
    return fromTime(world, asked, Number(to))
  }

  const moveWhileReading = async (position: Position): Promise<void> => {
    const reader = await ensureStarted()
    if (isGone) return
    const pending = reader.next().catch((error: unknown) => {
      // Of either position: the next call will tell.
      if (!isStreamError(error, 'records.trimmed') && !isStreamError(error, 'stream.notFound')) throw error
      return undefined
    })
    pending.catch(() => {})
    leaving = session
    try {
      await moveTo(position, true)
      const record = await settle(clock, pending)
      tell(() => `    got ${record ? world.nameOfRecord(record) : 'nothing'} meanwhile`)
      if (record) oracle.deliverBetween(session as Session, record)
    } catch (error) {
      await judge(error)
    } finally {
      leaving = undefined
    }
  }

  /** Makes sure that there is a reader with a position. */
  const ensureStarted = async (): Promise<Subject> => {
    for (let attempt = 0; !isGone && (!subject || !session); attempt++) {
      if (attempt === 20) throw new Violation('never stuck', 'no position can be taken')
      await moveTo(setup.startAt)
    }
    return subject as Subject
  }

  const reload = async (token: number | 'now', newPageSize: number): Promise<void> => {
    if (isGone || !subject || !session) return
    const from =
      token === 'now' || saved.length === 0
        ? { text: JSON.stringify(subject.token), session: copySession(session) }
        : (pick(saved, token) as (typeof saved)[number])
    tell(() => `  reload ${token === 'now' ? 'now' : 'an older token'}: ${shorten(from.text)}`)
    await close()
    pageSize = newPageSize
    const opened = open()
    session = reloaded(from, emulator.log.length)
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        return await settle(clock, opened.moveTo(from.text))
      } catch (error) {
        await judge(error, 'moveTo')
        if (isGone || subject !== opened) return
      }
    }
    throw new Violation('never stuck', 'the token cannot be loaded')
  }

  /** How many shards the token names that was loaded last: they are remembered whether they are listed or not. */
  let named = 0

  /** The session of a token, as far as the token says what was known. */
  const reloaded = (from: { readonly text: string; readonly session: Session }, entries: number): Session => {
    const after = reloadSession(from.session, entries)
    // The emulator trims at the next call.
    const oldestKept = emulator.now() - RETENTION_MS
    const isTrimmed = (record: EmulatedRecord) => record.trimmed || record.writtenAt < oldestKept
    const trimmed = new Set(emulator.records.filter(isTrimmed))
    named = (JSON.parse(from.text) as StreamToken).shards.length
    // "Whatever is left" does not say when that was requested: what was whole then may be old when the token is loaded.
    if (from.text.includes('"since":0}')) return withPromise(after, () => false)
    // Nor does a token without a shard say when it was taken.
    if (from.text.includes('"shards":[]')) {
      return withPromise(after, (record) => !trimmed.has(record) && after.origin.isPromised(record))
    }
    return after
  }

  const shorten = (text: string): string =>
    text.replaceAll(/shardId-\d+-[0-9a-f]+/g, (id) => world.nameOf(id)).replace(/^.*"shards":/, '')

  /** Calls `next` `width` times at once. Returns how many records came. */
  const read = async (width: number): Promise<number> => {
    const reader = await ensureStarted()
    if (isGone) return 0
    const now = session as Session
    const cutoff = emulator.records.length
    const awakeMs = () => clock.monotonic() - world.suspendedMs
    const begun = { at: awakeMs(), entries: emulator.log.length }
    const tookMs = new Map<unknown, number>()
    const calls = Array.from({ length: width }, async () => {
      const record = await reader.next()
      tookMs.set(record, awakeMs() - begun.at)
      return record
    })
    const results = await settle(clock, Promise.allSettled(calls))
    throwHeard()
    let count = 0
    for (const result of results) {
      if (result.status === 'rejected' || result.value === undefined) continue
      const record = result.value
      tell(() => `    got ${world.nameOfRecord(record)}`)
      checkHeldUp(record, cutoff, begun.entries, tookMs.get(record) as number)
      oracle.deliver(now, record)
      count++
    }
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) await judge(failed.reason)
    else if (count === 0) {
      checkNothingLeft(now, cutoff)
      checkMemory(reader)
      checkLag(reader, now, { isAtTip: true })
    }
    checkBuffer(reader)
    checkEnd(reader, now)
    return failed && !isGone ? Math.max(1, count) : count
  }

  const checkNothingLeft = (now: Session, cutoff: number): void => {
    tell(() => '    nothing new')
    if (!world.isPlain) return
    const [left] = oracle.owed(now, cutoff).lost
    if (left)
      throw new Violation('no false undefined', `nothing new, but ${world.nameOfRecord(left)} was there`)
  }

  /** A record that was there, of a shard that was being read without an error, does not wait for those that fail. */
  const checkHeldUp = (
    { shardId, sequenceNumber }: { readonly shardId: string; readonly sequenceNumber: string },
    cutoff: number,
    entries: number,
    tookMs: number,
  ): void => {
    const { latencyMs, reader } = setup
    const callsMs = (emulator.openShards.length * CALLS_PER_SHARD * latencyMs) / reader.maxConcurrentReads
    // A shard may hang, and then its child.
    const hanging = new Set(
      emulator.log.slice(entries).flatMap(({ effect, shard }) => (effect?.includes('hang') ? [shard] : [])),
    )
    if (tookMs <= LONGEST_HELD_UP_MS * Math.max(1, hanging.size) + callsMs) return
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
      'not held up',
      `${world.nameOfRecord({ shardId, sequenceNumber })} came after ${Math.round(tookMs / 1_000)} s`,
    )
  }

  /** What a position needs is remembered, and what was trimmed is not. */
  const checkMemory = ({ memory }: Subject): void => {
    if (!memory || !world.isPlain) return
    // A reader that made no listing for long learns only by the next one what is not listed any more.
    const listedAt = emulator.log.findLast(
      ({ op, at }) => op === 'DescribeStream' && at <= emulator.now() - HOUR_MS,
    )?.at
    const since = Math.min(emulator.now() - REMEMBERED_MS, listedAt ?? Number.POSITIVE_INFINITY)
    const recent = emulator.shards.filter(({ closedAt }) => closedAt === undefined || closedAt >= since)
    for (const [what, count] of Object.entries(memory)) {
      const most = recent.length + named
      if (count <= most || count <= most + listedSince(since, recent)) continue
      throw new Violation(
        'bounded memory',
        `${count} ${what} are remembered, of ${recent.length} recent shards`,
      )
    }
  }

  /** How many other shards were listed: a reader that was away for long learns only later that they are not any more. */
  const listedSince = (since: number, others: readonly EmulatedShard[]): number => {
    const listed = new Set(emulator.log.flatMap(({ at, shards = [] }) => (at >= since ? shards : [])))
    for (const { shardId } of others) listed.delete(shardId)
    return listed.size
  }

  /** Whether every open shard was read within the slack; the lag of one that waited for its turn is not known. */
  const wereShardsReadLately = (): boolean => {
    const since = emulator.now() - LAG_SLACK_MS
    const read = emulator.log
      .filter(({ op, at }) => op === 'GetRecords' && at >= since)
      .map(({ shard }) => shard)
    return emulator.openShards.every(({ shardId }) => read.includes(shardId))
  }

  /**
   * Whether the reader can know the service's time: its local clock may be wrong, and the `Date` header of a response that
   * came while the process was suspended is as old as the suspension was long.
   */
  const isTimeKnown = (): boolean => {
    const long = world.suspensions.filter(({ from, until }) => until - from > LAG_SLACK_MS)
    const slowestMs = longestWayMs(setup.latencyMs)
    return emulator.log
      .slice(logStart)
      .some(
        ({ op, at, error }) =>
          (op === 'DescribeStream' || op === 'GetRecords') &&
          error === undefined &&
          !long.some(({ from, until }) => from <= at + slowestMs && until >= at),
      )
  }

  /** The oldest record that is still owed decides, whether or not anybody has asked for it. */
  const checkLag = (reader: Subject, now: Session, { isAtTip }: { readonly isAtTip: boolean }): void => {
    const lag = reader.lag?.()
    if (!lag || !world.isPlain || world.wasAsleep || !isTimeKnown()) return
    const [oldest] = oracle.owed(now).lost
    const behind = oldest ? emulator.now() - oldest.writtenAt : 0
    const { millisBehindLatest, retentionHeadroomMs } = lag
    const isLess = millisBehindLatest < behind - LAG_SLACK_MS
    // A shard that closes without children, as none does on AWS, looks like one whose children are still to be listed.
    const isChildless = emulator.shards.some(
      ({ shardId, closedAt }) =>
        closedAt !== undefined && !emulator.shards.some(({ parentId }) => parentId === shardId),
    )
    const isMore =
      isAtTip && !oldest && !isChildless && millisBehindLatest > LAG_SLACK_MS && wereShardsReadLately()
    if (isLess || isMore) {
      throw new Violation('true lag', `a lag of ${millisBehindLatest} ms is told, and ${behind} ms are true`)
    }
    if (retentionHeadroomMs > Math.max(0, RETENTION_MS - behind) + LAG_SLACK_MS) {
      throw new Violation(
        'true lag',
        `${retentionHeadroomMs} ms are said to be left, with a lag of ${behind}`,
      )
    }
  }

  const endedReaders = new WeakSet<Subject>()

  /** Whoever iterates stops there. What listings have not shown by then, nobody can know of. */
  const checkEnd = (reader: Subject, now: Session): void => {
    if (!reader.ended || endedReaders.has(reader)) return
    endedReaders.add(reader)
    const left = oracle.owed(now).lost.find(({ shardId }) => oracle.isHeardOf(now, shardId))
    if (left) throw new Violation('ends', `${world.nameOfRecord(left)} is still to come`)
  }

  const checkBuffer = (reader: Subject): void => {
    const { maxBufferedBytes, maxConcurrentReads } = setup.reader
    const most = maxBufferedBytes + maxConcurrentReads * ANSWER_BYTES
    const { bytes } = reader.buffer
    // The merge needs one record of each shard, however large it is.
    const heads = emulator.openShards.length * LARGEST_RECORD_BYTES
    // DynamoDB Local does not cut its answers.
    if (bytes > most + heads && setup.profile === 'aws')
      throw new Violation('bounded buffer', `${bytes} bytes are buffered, more than ${most}`)
  }

  /** Whoever finds nothing twice in a row, and does not wait, does something else. */
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

  /** Nobody asks, so nobody polls: what was under way comes to its end. */
  const pause = async (ms: number): Promise<void> => {
    const checkAt = QUIET_AFTER_MS + QUIET_CHECKED_MS
    if (ms < checkAt) return clock.advance(ms)
    await clock.advance(QUIET_AFTER_MS)
    const before = emulator.log.length
    await clock.advance(QUIET_CHECKED_MS)
    // One listing that was under way may have any number of pages.
    const isLaterPage = ({ op, position, shard }: LogEntry) =>
      op === 'DescribeStream' && position !== undefined && shard === undefined
    const calls = emulator.log
      .slice(before)
      .filter((entry) => serviceCalls.has(entry.op) && !isLaterPage(entry))
    if (calls.length > MOST_QUIET_CALLS) {
      const ops = [...new Set(calls.map(({ op }) => op))].join(', ')
      throw new Violation('quiet', `${calls.length} calls (${ops}) in a minute in which nobody waits`)
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
      tell(() => `    closed; got ${record ? world.nameOfRecord(record) : 'nothing'}`)
    } catch (error) {
      tell(() => `    closed: ${String(error)}`)
      // A gap will be told once more to the next reader.
      if (isStreamError(error, 'records.trimmed')) tellGap(error.details)
      else if (!isStreamError(error, 'closed')) await judge(error)
    }
    await reload('now', pageSize)
  }

  const finish = async (): Promise<void> => {
    await ensureStarted()
    if (isGone) return
    let left = await continueReading(LAST_ROUNDS, LAST_ROUND_MS)
    // A shard that no listing shows is found when all shards are listed the next time.
    const isHeardOf = ({ shardId }: EmulatedRecord) => oracle.isHeardOf(session as Session, shardId)
    if (setup.reader.discoveryIntervalMs > LAST_ROUND_MS && !left.lost.some(isHeardOf)) {
      // One round to wait, one in which it is found, one in which it is read.
      left = await continueReading(3, setup.reader.discoveryIntervalMs)
    }
    if (isGone) return
    const names = (records: EmulatedRecord[]) => records.map(world.nameOfRecord).slice(0, 10).join(' ')
    if (left.lost.length > 0) throw new Violation('complete', `lost ${names(left.lost)}`)
    if (left.untold.length > 0) {
      throw new Violation('gaps told', `nothing was told of ${names(left.untold)}`)
    }
    if (world.isOver === 'disabled' && !subject?.ended) {
      throw new Violation('ends', 'the disabled stream does not end')
    }
  }

  /** Reads and waits by turns until nothing is owed. */
  const continueReading = async (rounds: number, pauseMs: number): Promise<ReturnType<Oracle['owed']>> => {
    for (let round = 0; round < rounds && !isGone; round++) {
      const entries = emulator.log.length
      await drain()
      const { lost, untold } = oracle.owed(session as Session)
      // Of a shard that was never listed only its children tell, when a listing is complete; and those are opened only then.
      // One that was just listed may be read the next time.
      const late = untold.filter(({ shardId }) =>
        [shardId, emulator.shard(shardId).parentId].some(
          (one) => one !== undefined && !oracle.wasListed(session as Session, one, entries),
        ),
      )
      const left = lost.length + late.length
      if (left === 0 && (subject?.ended || world.isOver === undefined)) break
      tell(() => `  ${pauseMs / 1_000} s later (${left} to come)`)
      await clock.advance(pauseMs)
    }
    return oracle.owed(session as Session)
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
          const beat = reader.heartbeat().catch(judge)
          beat.catch(() => {})
          if (step.whileReading) await read(1)
          await settle(clock, beat)
          return
        }
        case 'save':
          if (!isGone && subject && session)
            saved.push({ text: JSON.stringify(subject.token), session: copySession(session) })
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

function withPromise(session: Session, isPromised: Origin['isPromised']): Session {
  return { ...session, origin: { ...session.origin, isPromised } }
}

function describePosition(position: Position): string {
  if (typeof position === 'string') return position
  return 'token' in position ? `token ${position.token}` : `${position.agoMs} ms ago`
}

function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % Math.max(1, list.length)]
}
