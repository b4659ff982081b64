import { isStreamError } from '../../src/core/errors.ts'
import { expectAtMostDescribeCalls } from '../../src/testing/index.ts'
import { copySession, createOracle, type Gap, type Oracle, reloadSession, type Session } from './oracle.ts'
import { type Asked, fromFuture, fromLatest, fromTime, fromTrimHorizon, type Origin } from './origin.ts'
import { settle } from './settle.ts'
import type { ReaderStep, Setup, Start } from './steps.ts'
import type { MakeSubject, Subject } from './subject.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** Half of what AWS allows an account. */
const DESCRIBE_CALLS_PER_SECOND = 5
const ANSWER_BYTES = 1024 * 1024
const LARGEST_RECORD_BYTES = 400 * 1024
const RETENTION_MS = 24 * 3_600_000

/** How often the reader comes back at the end, and after which time, in ms. Longer than any wait of the library. */
const LAST_ROUNDS = 12
const LAST_ROUND_MS = 61_000

/** Somebody who reads the stream, with habits, and an oracle at his side. */
export interface Consumer {
  perform(step: ReaderStep): Promise<void>
  /** Reads on, with faults lifted, until everything that is owed was given out. */
  finish(): Promise<void>
  /** The same from one of the tokens that were saved. */
  finishFromSaved(number: number): Promise<void>
  close(): Promise<void>
}

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
  let deniedSeen = 0
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
      { gap: hearGap, parentNotListed: (parentId) => session?.givenUp.add(parentId) },
    )
    subject = opened
    return opened
  }

  const tellGap = (gap: Gap): void => {
    tell(() => `    told of a gap in ${world.nameOf(gap.shardId)} (${gap.reason})`)
    if (!session) return
    try {
      oracle.tellGap(session, gap)
    } catch (error) {
      // While the position is being changed, it may be one of the former.
      if (!leaving) throw error
      oracle.tellGap(leaving, gap)
    }
  }

  /** Events come from elsewhere: what they break is thrown at the next step. */
  const hearGap = (gap: Gap): void => {
    try {
      tellGap(gap)
    } catch (error) {
      heard ??= error
    }
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
  const judge = async (error: unknown): Promise<void> => {
    if (error instanceof Violation) throw error
    if (isStreamError(error, 'records.trimmed')) return recover(error.details)
    if (isStreamError(error, 'stream.notFound') && isStreamGone()) {
      tell(() => '    the stream is gone')
      isGone = true
      return
    }
    if (error instanceof Error && error.name === 'AccessDeniedException' && deniedSeen < world.denied) {
      deniedSeen++
      tell(() => '    access denied')
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
      isMixed,
    }
    const token =
      typeof position === 'object' && 'token' in position ? pick(saved, position.token) : undefined
    if (typeof position === 'object' && 'token' in position && !token) return
    const before = session
    try {
      if (token) {
        session = reloadSession(token.session, asked.entries)
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
      await judge(error)
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
    session = reloadSession(from.session, emulator.log.length)
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        return await settle(clock, opened.moveTo(from.text))
      } catch (error) {
        await judge(error)
        if (isGone || subject !== opened) return
      }
    }
    throw new Violation('never stuck', 'the token cannot be loaded')
  }

  const shorten = (text: string): string =>
    text.replaceAll(/shardId-\d+-[0-9a-f]+/g, (id) => world.nameOf(id)).replace(/^.*"shards":/, '')

  /** Calls `next` `width` times at once. Returns how many records came. */
  const read = async (width: number): Promise<number> => {
    const reader = await ensureStarted()
    if (isGone) return 0
    const now = session as Session
    const cutoff = emulator.records.length
    const calls = Array.from({ length: width }, () => reader.next())
    const results = await settle(clock, Promise.allSettled(calls))
    throwHeard()
    let count = 0
    for (const result of results) {
      if (result.status === 'rejected' || result.value === undefined) continue
      const record = result.value
      tell(() => `    got ${world.nameOfRecord(record)}`)
      oracle.deliver(now, record)
      count++
    }
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) await judge(failed.reason)
    else if (count === 0) checkNothingLeft(now, cutoff)
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

  /** Whoever iterates stops there. What listings have not shown by then, nobody can know of. */
  const checkEnd = (reader: Subject, now: Session): void => {
    if (!reader.ended) return
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
    for (let round = 0; round < LAST_ROUNDS && !isGone; round++) {
      await drain()
      const { lost, untold } = oracle.owed(session as Session)
      // Of a shard that was never listed only its children tell, when a listing is complete.
      const late = untold.filter(({ shardId }) => !oracle.wasListed(session as Session, shardId))
      const left = lost.length + late.length
      if (left === 0 && (subject?.ended || world.isOver === undefined)) break
      tell(() => `  a minute later (${left} to come)`)
      await clock.advance(LAST_ROUND_MS)
    }
    if (isGone) return
    const { lost, untold } = oracle.owed(session as Session)
    const names = (records: typeof lost) => records.map(world.nameOfRecord).slice(0, 10).join(' ')
    if (lost.length > 0) throw new Violation('complete', `lost ${names(lost)}`)
    if (untold.length > 0) throw new Violation('gaps told', `nothing was told of ${names(untold)}`)
    if (world.isOver === 'disabled' && !subject?.ended) {
      throw new Violation('ends', 'the disabled stream does not end')
    }
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
          return clock.advance(step.ms)
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

function describePosition(position: Position): string {
  if (typeof position === 'string') return position
  return 'token' in position ? `token ${position.token}` : `${position.agoMs} ms ago`
}

function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % Math.max(1, list.length)]
}

/** Mulberry32: the reader's jitter, the same at each run. */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
