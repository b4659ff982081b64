import { isStreamError, type openStream, type StreamToken } from '../../../src/index.ts'
import { createOracle } from '../oracle.ts'
import {
  fromFuture,
  fromLatest,
  fromTime,
  fromTrimHorizon,
  type Origin,
  type RequestSnapshot,
} from '../origin.ts'
import { seeded } from '../seeded.ts'
import { settle } from '../settle.ts'
import type { Start } from '../steps.ts'
import { Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { Expectation, type LedgerPosition } from './expectation.ts'
import { Ledger, type LedgerContext } from './ledger.ts'
import { Loop, type LoopWatcher } from './loop.ts'
import { startProcess } from './process.ts'
import type { Running } from './running.ts'
import { settlesWithin } from './settles-within.ts'
import type { ConsumerStep, LoopKind, StreamSetup } from './steps.ts'
import { createStore, type FaultyStore } from './store.ts'

/** How long `return()`, `close()` or an abort may take to settle a pending `next()`, in ms. */
const MAX_WAKE_MS = 60_000

/**
 * How long `return()` may take to settle a pending `next()` when the store works, in ms: it does not wait for
 * the next poll.
 */
const MAX_RETURN_MS = 1_000

/** How long the last save may take with all its attempts, in ms. */
const SELF_CLOSE_MS = 20_000

/** How late a save may be, in ms: latency, plus the backoff after a failed save. */
const SAVE_SLACK_MS = 7_000

/** How long calls that are in flight when the consumer stops requesting records may take, in ms. */
const IN_FLIGHT_MS = 10_000
const MINUTE_MS = 60_000

/**
 * Polls of a shard that heartbeats explain. A heartbeat renews an iterator after ten minutes at the earliest,
 * and other shards may be polled while its calls are in flight.
 */
const MAX_POLLS_PER_RENEWAL = 8
const RENEWAL_MS = 10 * MINUTE_MS

/** The longest pause while a record is requested, in ms: each second of it costs a poll of each shard. */
const MAX_WAIT_MS = 20_000

/**
 * Rounds in which the consumer waits for outstanding records at the end of a history, and the length of one
 * (ms): twelve minutes in total.
 */
const LAST_ROUNDS = 144
const LAST_ROUND_MS = 5_000

/** A generous bound on the calls needed to confirm that a shard has no more records. */
const CALLS_PER_SHARD = 20

/**
 * Attempts after which a stream cannot be opened. Each attempt can fail with one of the errors of the
 * history.
 */
const MAX_OPEN_ATTEMPTS = 100

const NAME = 'model'

/** Iterates over a stream as the steps of a history say, and checks every result against the guarantees. */
export interface StreamConsumer {
  perform(step: ConsumerStep): Promise<void>
  /** Checks the guarantees that apply between two steps. */
  check(): Promise<void>
  /**
   * Once faults are lifted, iterates until every outstanding record has been delivered, and closes the
   * stream.
   */
  finish(): Promise<void>
  /** Does the same from one of the saved tokens. */
  finishFromSaved(number: number): Promise<void>
}

export function createConsumer(
  world: World,
  setup: StreamSetup,
  open: typeof openStream,
  trace: (line: () => string) => void,
): StreamConsumer {
  const { clock, emulator } = world
  const random = seeded(setup.seed)
  const oracle = createOracle(world)
  /** The ARN of the previous stream, by the ids of its shards. */
  const streams = new Map<string, string>()
  const context: LedgerContext = {
    world,
    oracle,
    streamOf: (shardId) => streams.get(shardId) ?? emulator.streamArn,
  }
  const keptTokens: { readonly token: StreamToken; readonly positions: readonly LedgerPosition[] }[] = []
  let firstViolation: unknown
  let running: Running | undefined
  let loop: Loop | undefined
  /** Work of loops that were left, which continues during later steps. */
  const background = new Set<{
    readonly settled: Promise<void>
    readonly what: string
    readonly deadline: number
  }>()
  const leftLoops = new Set<Loop>()
  let deniedSeen = 0
  let isGone = false
  /** Whether the open stream has reported a failed save, which `close()` may report again. */
  let hasFailedToSave = false

  const report = (violation: unknown): void => {
    firstViolation ??= violation
  }
  const throwFirstViolation = (): void => {
    if (firstViolation !== undefined) throw firstViolation
  }
  /** Runs a check in a callback of the stream. A violation is kept and thrown at the end of the step. */
  const guard = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      report(error)
    }
  }

  const store: FaultyStore = createStore(clock, () => random() * setup.latencyMs, report)

  // ---- Errors --------------------------------------------------------------------------------------------

  /** Throws a violation unless the history explains the error. */
  const expectExplained = (error: unknown, from: 'open' | 'next' | 'call' | 'save' | 'close'): void => {
    if (error instanceof Violation) throw error
    trace(() => `    ${String(error)}`)
    if (error instanceof Error && error.name === 'AccessDeniedException' && deniedSeen < world.deniedCalls) {
      deniedSeen++
      return
    }
    const isSaving = from !== 'call'
    if (isStreamError(error, 'checkpoint.conflict') && isSaving && store.hadConflict) return
    // A save that is in flight while the process is suspended can time out as well.
    const mayFail = hasFailedToSave || store.hadFault || store.isSaving
    if (isStreamError(error, 'checkpoint.failed') && isSaving && mayFail) {
      hasFailedToSave = true
      return
    }
    if (isStreamError(error, 'closed') && from === 'call' && isStopped()) return
    if (isStreamError(error, 'stream.notFound') && world.ending === 'deleted' && from !== 'close') {
      isGone = true
      return
    }
    throw new Violation('no unexpected error', String(error), error)
  }

  /** Whether the store failed or was slow recently. A flush gives up after ten seconds. */
  const hadStoreFault = (): boolean => store.lastFaultAt > clock.monotonic() - 60_000 || store.isSaving

  const isStopped = (): boolean =>
    running !== undefined && (running.isAborted || running.closing !== undefined)

  /** Whether the stream is disabled and the consumer does not follow the table to another one. */
  const isDisabled = (): boolean => world.ending === 'disabled' && !setup.follows

  /** Whether the stream was disabled at some time, even if the table was deleted later. */
  const wasDisabled = (): boolean => !setup.follows && emulator.log.some(({ op }) => op === 'disable')

  // ---- Opening -------------------------------------------------------------------------------------------

  const originOf = (start: Start, snapshot: RequestSnapshot): Origin => {
    if (start === 'trim_horizon') return fromTrimHorizon(world, snapshot)
    if (start === 'latest') return fromLatest(world, snapshot)
    const since = snapshot.serviceTime - start.agoMs
    return since > snapshot.serviceTime
      ? fromFuture(world, snapshot, since)
      : fromTime(world, snapshot, since)
  }

  const positionOf = (start: Start): 'trim_horizon' | 'latest' | Date =>
    typeof start === 'string' ? start : new Date(emulator.now() - start.agoMs)

  const takeSnapshot = (isMixed: boolean): RequestSnapshot => ({
    records: emulator.records.length,
    entries: emulator.log.length,
    serviceTime: emulator.now(),
    isMixed,
  })

  const ledgerAt = (start: Start, snapshot: RequestSnapshot, takenAt: number): Ledger =>
    new Ledger(context, oracle.startSession(originOf(start, snapshot), snapshot.entries), takenAt)

  /** The ledgers of a stream that resumes from the store. Such a position needs no first save. */
  const ledgersOf = (positions: readonly LedgerPosition[]): Ledger[] =>
    positions.map(({ ledger, count }) =>
      ledger.resumeAt(count, emulator.log.length, Number.NEGATIVE_INFINITY),
    )

  /** Starts to open a stream, from the checkpoint if there is one. */
  const startOpening = async () => {
    const process = startProcess(world)
    const abort = new AbortController()
    const snapshot = takeSnapshot(false)
    const requestedAt = clock.monotonic()
    const resumed = setup.checkpoint && store.current
    const expectation = new Expectation(resumed ? ledgersOf(resumed.positions) : [])
    if (!resumed) expectation.moveStarts(() => ledgerAt(setup.startAt, snapshot, requestedAt))
    const positionsOf = (token: StreamToken) => expectation.positionsOf(token, clock.monotonic())
    const opening = open({
      ...setup.reader,
      ...(setup.follows
        ? { tableName: emulator.tableName, tableClient: process.tableClient, followTable: true }
        : { streamArn: emulator.streamArn }),
      client: process.client,
      clock: process.clock,
      random,
      startAt: positionOf(setup.startAt),
      signal: abort.signal,
      // In some histories the first response takes minutes.
      connectTimeoutMs: 0,
      ...(setup.checkpoint && {
        checkpoint: { ...setup.checkpoint, store: store.open(process, positionsOf), name: NAME },
      }),
      listeners: {
        gap: ({ shardId }) =>
          report(new Violation('no false gaps', `a gap was reported for ${world.nameOf(shardId)}`)),
      },
    })
    opening.catch(() => {})
    // The library loads the SDK's client for tables. That takes real time, in which the manual clock must not
    // advance.
    if (setup.follows) await Promise.race([process.firstUse, opening.catch(() => {})])
    const opened = async (): Promise<void> => {
      const stream = await opening
      if (!resumed) expectation.moveSucceeds(clock.monotonic())
      running = {
        stream,
        process,
        expectation,
        abort: () => abort.abort(new Error('aborted by the history')),
        get isAborted() {
          return abort.signal.aborted
        },
        closing: undefined,
        isOver: false,
        hasThrown: false,
      }
      if (setup.checkpoint && !store.current) {
        throw new Violation('initial save', 'openStream() resolved before its position was saved')
      }
    }
    return { abort, process, opened: opened() }
  }

  const ensureOpen = async (): Promise<Running | undefined> => {
    for (let attempt = 0; !isGone && !running; attempt++) {
      if (attempt === MAX_OPEN_ATTEMPTS)
        throw new Violation('never stuck', `the stream could not be opened in ${attempt} attempts`)
      trace(() => `  open${setup.checkpoint && store.current ? ' from the checkpoint' : ''}`)
      const { opened, process } = await startOpening()
      try {
        await settle(clock, opened)
      } catch (error) {
        expectExplained(error, 'open')
        process.die()
        store.crash('lost')
      }
    }
    return running
  }

  const abortOpening = async (afterMs: number): Promise<void> => {
    await dispose()
    if (isGone) return
    const { abort, opened, process } = await startOpening()
    opened.catch(() => {})
    await clock.advance(afterMs)
    abort.abort(new Error('aborted by the history'))
    try {
      await settle(clock, opened)
    } catch (error) {
      if (error !== abort.signal.reason) expectExplained(error, 'open')
      await clock.advance(0)
      expectNothingLeft(process.timers)
      process.die()
      store.crash('lost')
    }
  }

  // ---- Iterating -----------------------------------------------------------------------------------------

  /**
   * After `close()` or a conflict it is undefined whether a request for the next record still acknowledges
   * the previous one.
   */
  const acknowledge = ({ expectation, closing }: Running): void =>
    expectation.acknowledge(closing || store.hadConflict ? Number.POSITIVE_INFINITY : clock.monotonic())

  /** Notes errors of the checkpoint: `close()` does not reject with one that a loop has thrown. */
  const noteThrown = (error: unknown): void => {
    const isOfCheckpoint =
      isStreamError(error, 'checkpoint.conflict') || isStreamError(error, 'checkpoint.failed')
    if (running && isOfCheckpoint) running.hasThrown = true
  }

  const watch = (current: Running): LoopWatcher => {
    const { expectation } = current
    return {
      onRequest: () => guard(() => acknowledge(current)),
      onRecords: (from, records) =>
        guard(() => {
          trace(() => `    ${records.map(world.nameOfRecord).join(' ')}${from.isLeft ? ' (left)' : ''}`)
          const limit = from.kind.as === 'batches' ? from.kind.maxRecords : 1
          if (records.length < 1 || records.length > limit) {
            throw new Violation(
              'batch size',
              `a batch has ${records.length} records, but 1 to ${limit} were requested`,
            )
          }
          expectation.deliver(records, pendingAcrossMove.delete(from))
          if (from.isLeft) expectation.rewind()
        }),
      onEnd: (from) =>
        guard(() => {
          trace(() => '    done')
          if (!from.isLeft) onLoopEnd(current)
        }),
      onError: (from, error) =>
        guard(() => {
          expectExplained(error, 'next')
          noteThrown(error)
          if (isGone) expectReceivedDelivered(current)
          if (!from.isLeft && (isGone || isStreamError(error))) current.isOver = true
        }),
      onReturn: () => guard(() => expectation.rewind()),
    }
  }

  /**
   * Loops whose `next()` was pending when a `moveTo` resolved. Its result may belong to the previous
   * position.
   */
  const pendingAcrossMove = new Set<Loop>()

  const onLoopEnd = (current: Running): void => {
    current.isOver = true
    if (!isStopped()) {
      if (!wasDisabled()) {
        throw new Violation('ends', 'iteration ended, but the stream did not')
      }
      current.expectation.expect(expectNothingKnownLeft)
    }
    if (setup.checkpoint && !current.closing) expectSaved(current)
  }

  /** The stream cannot know shards that no listing has shown. */
  const expectNothingKnownLeft = ({ session }: Ledger): void => {
    const left = oracle
      .outstanding(session)
      .lost.find(({ shardId }) => oracle.isKnownToReader(session, shardId))
    if (left) throw new Violation('ends', `iteration ended before ${world.nameOfRecord(left)} was delivered`)
  }

  /** Received records are delivered before the error that reports that the stream no longer exists. */
  const expectReceivedDelivered = ({ expectation, process }: Running): void =>
    expectation.expect(({ session }) => {
      const lost = emulator.records.find(
        (record) =>
          process.received.has(record.eventId) &&
          session.origin.requires(record) &&
          !session.delivered.has(record),
      )
      if (lost) {
        throw new Violation(
          'complete',
          `${world.nameOfRecord(lost)} was received, but an error was thrown before it was delivered`,
        )
      }
    })

  const expectSaved = ({ expectation }: Running): void =>
    expectation.expect((ledger) => {
      const { token, savedAt } = store.current as NonNullable<FaultyStore['current']>
      if (savedAt < ledger.takenAt) throw new Violation('exact checkpoint', 'the position was not saved')
      ledger.expectCovered(token, ledger.acknowledgedBy(Number.MAX_VALUE))
    })

  /**
   * Returns the current loop. After an error it is replaced, as an error ends `for await`, unless the history
   * keeps the iterator.
   */
  const currentLoop = (kind: LoopKind, current: Running): Loop => {
    if (loop?.end === 'failed' && (!setup.keepsIterator || loop.kind.as === 'readable')) loop = undefined
    loop ??= new Loop(kind, current.stream, watch(current))
    return loop
  }

  const take = async (kind: LoopKind, times: number, waitMs: number): Promise<void> => {
    if (running?.isOver && !isDisabled()) await dispose()
    const current = await ensureOpen()
    if (!current) return
    for (let n = 0; n < times && !isGone; n++) {
      if (current.isOver && n > 0) return
      const from = currentLoop(kind, current)
      const isDone = await settlesWithin(
        clock,
        isStopped() ? Math.max(waitMs, MAX_WAKE_MS) : waitMs,
        from.take(),
      )
      throwFirstViolation()
      if (from.end) return
      if (isDone) continue
      if (isStopped()) throw new Violation('never stuck', 'next() is still pending after an abort or close()')
      from.stop()
      trace(() => '    pending')
      return
    }
  }

  /** Leaves the loop. A pending `next()` must settle soon. */
  const leave = async (waits: boolean): Promise<void> => {
    const left = loop
    if (!left) return
    loop = undefined
    if (left.pending) leftLoops.add(left)
    const pending = left.pending?.then(() => void leftLoops.delete(left))
    const returned = left.leave().catch((error: unknown) =>
      guard(() => {
        expectExplained(error, 'save')
        noteThrown(error)
      }),
    )
    if (pending)
      runInBackground(
        pending,
        'next() of a loop that was left',
        hadStoreFault() ? MAX_WAKE_MS : MAX_RETURN_MS,
      )
    runInBackground(returned, 'return()', MAX_WAKE_MS)
    if (waits) await settleBackground()
  }

  /** Lets work continue during the next steps, for at most `ms`. */
  const runInBackground = (work: Promise<void>, what: string, ms: number): void => {
    const task = {
      settled: work.finally(() => background.delete(task)),
      what,
      deadline: clock.monotonic() + ms,
    }
    background.add(task)
  }

  const settleBackground = async (): Promise<void> => {
    for (const { settled, what, deadline } of background) {
      const left = Math.max(1_000, deadline - clock.monotonic())
      if (!(await settlesWithin(clock, left, settled)))
        throw new Violation('never stuck', `${what} is still pending`)
    }
    throwFirstViolation()
  }

  // ---- Moving --------------------------------------------------------------------------------------------

  const moveTo = async (to: Start | { readonly token: number }, waits: boolean): Promise<void> => {
    await settleMove()
    const current = await ensureOpen()
    if (!current || setup.follows) return
    const target = targetOf(to)
    if (!target) return
    const { expectation } = current
    expectation.moveStarts(target.newLedger)
    const moving = current.stream.moveTo(target.position).then(
      () =>
        guard(() => {
          trace(() => '    moved')
          expectation.moveSucceeds(clock.monotonic())
          current.process.clearReceived()
          for (const one of [loop, ...leftLoops]) if (one?.pending) pendingAcrossMove.add(one)
        }),
      (error: unknown) =>
        guard(() => {
          expectation.moveFails()
          expectExplained(error, 'call')
        }),
    )
    move = moving.finally(() => {
      move = undefined
    })
    if (waits) await settleMove()
  }

  /**
   * The target of a `moveTo`. Undefined if no token was kept, or if it is ambiguous what the token covers.
   */
  const targetOf = (to: Start | { readonly token: number }) => {
    const requestedAt = clock.monotonic()
    if (typeof to === 'object' && 'token' in to) {
      const { token, positions = [] } = keptTokens[to.token % Math.max(1, keptTokens.length)] ?? {}
      const [covered] = positions
      if (!token || !covered || positions.length > 1) return undefined
      const entries = emulator.log.length
      return {
        position: token,
        newLedger: () => covered.ledger.resumeAt(covered.count, entries, requestedAt),
      }
    }
    const snapshot = takeSnapshot(true)
    return { position: positionOf(to), newLedger: () => ledgerAt(to, snapshot, requestedAt) }
  }

  let move: Promise<void> | undefined

  const settleMove = async (): Promise<void> => {
    if (move) await settle(clock, move)
    throwFirstViolation()
  }

  // ---- Closing -------------------------------------------------------------------------------------------

  const close = (current: Running): Promise<void> => {
    current.closing ??= current.stream.close().then(
      () => guard(() => setup.checkpoint && !current.hasThrown && expectSaved(current)),
      (error: unknown) => guard(() => expectExplained(error, 'close')),
    )
    return current.closing
  }

  const abort = async (): Promise<void> => {
    const current = running
    if (!current || current.isAborted) return
    const isIdle = !loop && !move && background.size === 0 && !current.closing && !store.hadConflict
    current.abort()
    if (!isIdle) return
    // Without a loop that could end and save, the stream closes itself.
    await clock.advance(SELF_CLOSE_MS)
    throwFirstViolation()
    expectNothingLeft(current.process.timers)
    if (setup.checkpoint && !hadStoreFault()) expectSaved(current)
  }

  /** Closes the open stream, and checks that no timers or calls remain. */
  const dispose = async (): Promise<void> => {
    const current = running
    if (!current) return
    trace(() => '  close')
    await settleMove()
    await settleBackground()
    const pending = loop?.pending
    const closed = close(current)
    if (!(await settlesWithin(clock, MAX_WAKE_MS, closed)))
      throw new Violation('never stuck', 'close() is still pending after a minute')
    if (pending && !(await settlesWithin(clock, MAX_WAKE_MS, pending))) {
      throw new Violation('never stuck', 'next() is still pending a minute after close()')
    }
    throwFirstViolation()
    loop = undefined
    await clock.advance(0)
    expectNothingLeft(current.process.timers)
    const { calls } = current.process
    await clock.advance(2_000)
    if (current.process.calls > calls)
      throw new Violation('no idle polling', 'the service was called after close()')
    discardProcess('written')
  }

  const expectNothingLeft = (timers: number): void => {
    if (timers > 0)
      throw new Violation('no idle polling', `${timers} timers are still set after the stream was closed`)
  }

  const discardProcess = (saves: 'written' | 'lost'): void => {
    running?.process.die()
    store.crash(saves)
    running = undefined
    hasFailedToSave = false
    loop = undefined
    move = undefined
    background.clear()
    leftLoops.clear()
    pendingAcrossMove.clear()
  }

  // ---- Checks --------------------------------------------------------------------------------------------

  const check = async (): Promise<void> => {
    await clock.advance(0)
    throwFirstViolation()
    const current = running
    if (!current || current.closing || store.hadConflict || isGone) return
    if (move || background.size > 0) return
    current.expectation.expect((ledger) => ledger.expectCovered(current.stream.token))
    if (setup.checkpoint && !current.isOver && !current.isAborted) await checkSaves(current, setup.checkpoint)
  }

  /** Checks that saves are made after `everyRecords` records and after `everyMs`. */
  const checkSaves = async (
    { expectation }: Running,
    { everyRecords, everyMs }: NonNullable<StreamSetup['checkpoint']>,
  ): Promise<void> => {
    const lateMs = everyMs + SAVE_SLACK_MS
    const now = clock.monotonic()
    if (store.lastFaultAt > now - lateMs || store.isSaving) return
    expectation.expect((ledger) => {
      if (ledger.acknowledged - Math.max(0, savedCount(ledger)) >= everyRecords) {
        throw new Violation(
          'timely saves',
          `${everyRecords} records were acknowledged since the last save, but no save is in flight`,
        )
      }
    })
    const isLate = (ledger: Ledger) => savedCount(ledger) < ledger.acknowledgedBy(now - lateMs)
    if (!expectation.ledgers.every(isLate)) return
    // The timers of a suspended process fire late.
    await clock.advance(lateMs)
    throwFirstViolation()
    if (store.lastFaultAt > now || store.isSaving) return
    expectation.expect((ledger) => {
      if (isLate(ledger))
        throw new Violation('timely saves', `acknowledged records were not saved for ${lateMs} ms`)
    })
  }

  const savedCount = (ledger: Ledger): number => {
    try {
      if (!store.current || store.current.savedAt < ledger.takenAt) return -1
      return ledger.coveredBy(store.current.token)
    } catch {
      // It belongs to the previous position.
      return -1
    }
  }

  /** Lets time pass. While no record is requested, the service is not polled. */
  const pause = async (ms: number): Promise<void> => {
    const current = running
    const isRequested = loop?.pending || move || background.size > 0 || current?.closing
    if (!current || isRequested) return clock.advance(Math.min(ms, MAX_WAIT_MS))
    if (ms < 2 * MINUTE_MS) return clock.advance(ms)
    await clock.advance(IN_FLIGHT_MS)
    const before = current.process.polls
    await clock.advance(ms - IN_FLIGHT_MS)
    const polls = current.process.polls - before
    const limit = MAX_POLLS_PER_RENEWAL * (1 + emulator.shards.length) * (1 + ms / RENEWAL_MS)
    if (polls > limit)
      throw new Violation('no idle polling', `${polls} polls in ${ms} ms while no record was requested`)
  }

  // ---- Reading to the end --------------------------------------------------------------------------------

  /** Iterates until nothing is outstanding. */
  const drain = async (kind: LoopKind): Promise<void> => {
    const { latencyMs, reader } = setup
    const callsMs = (emulator.shards.length * CALLS_PER_SHARD * latencyMs) / reader.maxConcurrentReads
    const rounds = LAST_ROUNDS + Math.ceil(callsMs / LAST_ROUND_MS)
    for (let round = 0; round < rounds; ) {
      const current = await ensureOpen()
      if (!current || isGone) return
      const from = currentLoop(kind, current)
      const isDone = await settlesWithin(clock, LAST_ROUND_MS, from.take())
      throwFirstViolation()
      if (from.end === 'done') return
      if (isDone && !from.end) continue
      await check()
      if (current.isOver) await dispose()
      else if (isComplete(current) && !isDisabled()) break
      round++
    }
    if (isGone) return
    const current = running as Running
    current.expectation.expect((ledger) => {
      const lost = oracle.outstanding(ledger.session).lost.map(world.nameOfRecord)
      if (lost.length > 0) throw new Violation('complete', `never delivered: ${lost.slice(0, 10).join(' ')}`)
      if (!ledger.isSettled)
        throw new Violation('complete', 'an unacknowledged record was not delivered again')
    })
    if (isDisabled()) {
      throw new Violation('ends', 'the stream is disabled and fully read, but iteration did not end')
    }
    await check()
  }

  const isComplete = ({ expectation }: Running): boolean =>
    expectation.ledgers.every(
      (ledger) => ledger.isSettled && oracle.outstanding(ledger.session).lost.length === 0,
    )

  const kindFor = (number: number): LoopKind =>
    number % 3 === 0
      ? { as: 'batches', maxRecords: 7, maxWaitMs: number % 2 === 0 ? 0 : 300 }
      : { as: 'records' }

  const finish = async (): Promise<void> => {
    store.clearFaults()
    await settleMove()
    if (isStopped() || running?.isOver || store.hadConflict) await dispose()
    await drain(kindFor(setup.seed))
    await dispose()
  }

  return {
    perform: async (step) => {
      switch (step.do) {
        case 'take':
          return take(step.loop, step.times, step.waitMs)
        case 'leave':
          return leave(step.waits)
        case 'moveTo':
          return moveTo(step.to, step.waits)
        case 'heartbeat': {
          const current = await ensureOpen()
          if (current)
            await settle(
              clock,
              current.stream.heartbeat().catch((error) => expectExplained(error, 'call')),
            )
          return
        }
        case 'keepToken': {
          if (!running || running.closing || move || background.size > 0) return
          const token = JSON.parse(JSON.stringify(running.stream.token))
          keptTokens.push({ token, positions: running.expectation.positionsOf(token, clock.monotonic()) })
          return
        }
        case 'abort':
          return abort()
        case 'close': {
          const current = running
          if (!current) return
          const closed = close(current)
          if (step.waits && !(await settlesWithin(clock, MAX_WAKE_MS, closed))) {
            throw new Violation('never stuck', 'close() is still pending after a minute')
          }
          return throwFirstViolation()
        }
        case 'reopen':
          await dispose()
          return void (await ensureOpen())
        case 'crash':
          return discardProcess(step.saves)
        case 'abortOpening':
          return abortOpening(step.afterMs)
        case 'store':
          return store.injectFault(step.fault)
        case 'pause':
          return pause(step.ms)
        case 'enable': {
          // The stream must have been opened once, so that there is a position to continue from.
          if (!setup.follows || streams.size > 0 || !(await ensureOpen())) return
          if (emulator.openShards.length > 0) world.perform({ do: 'disable' })
          for (const { shardId } of emulator.shards) streams.set(shardId, emulator.streamArn)
          emulator.enable()
        }
      }
    },
    check,
    finish,
    finishFromSaved: async (number) => {
      if (store.saves.length === 0 || isGone || !setup.checkpoint) return
      store.put(store.saves[number % store.saves.length] as (typeof store.saves)[number])
      await drain(kindFor(number + 1))
      await dispose()
    },
  }
}
