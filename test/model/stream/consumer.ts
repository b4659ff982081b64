import { isStreamError, type openStream, type StreamToken } from '../../../src/index.ts'
import { createOracle } from '../oracle.ts'
import { type Asked, fromFuture, fromLatest, fromTime, fromTrimHorizon, type Origin } from '../origin.ts'
import { seeded } from '../seeded.ts'
import { settle } from '../settle.ts'
import type { Start } from '../steps.ts'
import { Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { Expectation, type Place } from './expectation.ts'
import { Ledger, type LedgerContext } from './ledger.ts'
import { Loop, type LoopWatcher } from './loop.ts'
import { startProcess } from './process.ts'
import type { Running } from './running.ts'
import type { ConsumerStep, LoopKind, StreamSetup } from './steps.ts'
import { createStore, type FaultyStore } from './store.ts'
import { within } from './within.ts'

/** What ends a wait takes effect within this time, in ms: a pending `next()` after `return()`, `close()` or an abort. */
const WAKE_MS = 60_000

/** `return()` ends a pending `next()` without waiting for the next poll: within this time, in ms. */
const LEFT_MS = 1_000

/** The last save, with all its attempts, is over after this time, in ms. */
const SELF_CLOSE_MS = 20_000

/** How late a save may be, in ms: latency, and the backoff after a failed one. */
const SAVE_SLACK_MS = 7_000

/** Calls that are under way when the consumer stops asking have ended after this time, in ms. */
const IN_FLIGHT_MS = 10_000
const MINUTE_MS = 60_000

/**
 * A heartbeat renews an iterator after ten minutes at the earliest, and other shards may be polled for as long as its calls
 * take: so many polls of a shard are not more than that.
 */
const MOST_POLLS = 8
const RENEWAL_MS = 10 * MINUTE_MS

/** A consumer that waits for a record sleeps no longer than this, in ms: each second of it costs a poll of each shard. */
const LONGEST_WAIT_MS = 20_000

/** How often the consumer waits for what is still owed in the end, and how long, in ms: for twelve minutes in all. */
const LAST_ROUNDS = 144
const LAST_ROUND_MS = 5_000

/** How many calls a shard takes, generously, until it is known that nothing is left in it. */
const CALLS_PER_SHARD = 20

/** A stream that cannot be opened after so many attempts never will be. Each meets one error that a history planned. */
const MOST_OPENINGS = 100

const NAME = 'model'

/** Somebody who iterates over a stream, and holds what happens against what was promised. */
export interface StreamConsumer {
  perform(step: ConsumerStep): Promise<void>
  /** What holds whenever nothing else happens. */
  check(): Promise<void>
  /** With faults lifted, iterates until everything that is owed was delivered, and closes. */
  finish(): Promise<void>
  /** The same from one of the tokens that were saved. */
  finishFromSaved(number: number): Promise<void>
}

export function createConsumer(
  world: World,
  setup: StreamSetup,
  open: typeof openStream,
  tell: (line: () => string) => void,
): StreamConsumer {
  const { clock, emulator } = world
  const random = seeded(setup.seed)
  const oracle = createOracle(world)
  /** The ARN of the former stream, by its shards. */
  const streams = new Map<string, string>()
  const context: LedgerContext = {
    world,
    oracle,
    streamOf: (shardId) => streams.get(shardId) ?? emulator.streamArn,
  }
  const kept: { readonly token: StreamToken; readonly places: readonly Place[] }[] = []
  let heard: unknown
  let running: Running | undefined
  let loop: Loop | undefined
  /** What goes on beside the steps, of loops that were left. */
  const background = new Set<{
    readonly settled: Promise<void>
    readonly what: string
    readonly deadline: number
  }>()
  const leftLoops = new Set<Loop>()
  let deniedSeen = 0
  let isGone = false
  /** Whether the stream that is open has said so: `close()` may say it again. */
  let hasFailedToSave = false

  const report = (violation: unknown): void => {
    heard ??= violation
  }
  const throwHeard = (): void => {
    if (heard !== undefined) throw heard
  }
  /** Runs what an event of the stream calls for: what it throws is thrown at the end of the step. */
  const guard = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      report(error)
    }
  }

  const store: FaultyStore = createStore(clock, () => random() * setup.latencyMs, report)

  // ---- Errors ------------------------------------------------------------------------------------------------------

  /** Throws a violation unless something in the history explains the error. */
  const explain = (error: unknown, from: 'open' | 'next' | 'call' | 'save' | 'close'): void => {
    if (error instanceof Violation) throw error
    tell(() => `    ${String(error)}`)
    if (error instanceof Error && error.name === 'AccessDeniedException' && deniedSeen < world.refused) {
      deniedSeen++
      return
    }
    const isSaving = from !== 'call'
    if (isStreamError(error, 'checkpoint.conflict') && isSaving && store.hadConflict) return
    // A save that the process was suspended in has run out of time as well.
    const mayFail = hasFailedToSave || store.hadFault || store.isSaving
    if (isStreamError(error, 'checkpoint.failed') && isSaving && mayFail) {
      hasFailedToSave = true
      return
    }
    if (isStreamError(error, 'closed') && from === 'call' && isStopped()) return
    if (isStreamError(error, 'stream.notFound') && world.isOver === 'deleted' && from !== 'close') {
      isGone = true
      return
    }
    throw new Violation('no unexpected error', String(error), error)
  }

  /** A flush gives up after ten seconds. */
  const hadStoreFault = (): boolean => store.lastFaultAt > clock.monotonic() - 60_000 || store.isSaving

  const isStopped = (): boolean =>
    running !== undefined && (running.isAborted || running.closing !== undefined)

  /** Whether the stream was switched off for good. */
  const isDisabled = (): boolean => world.isOver === 'disabled' && !setup.follows

  /** The same, also when the table was deleted since. */
  const wasDisabled = (): boolean => !setup.follows && emulator.log.some(({ op }) => op === 'disable')

  // ---- Opening -----------------------------------------------------------------------------------------------------

  const originOf = (start: Start, asked: Asked): Origin => {
    if (start === 'trim_horizon') return fromTrimHorizon(world, asked)
    if (start === 'latest') return fromLatest(world, asked)
    const since = asked.serviceTime - start.agoMs
    return since > asked.serviceTime ? fromFuture(world, asked, since) : fromTime(world, asked, since)
  }

  const positionOf = (start: Start): 'trim_horizon' | 'latest' | Date =>
    typeof start === 'string' ? start : new Date(emulator.now() - start.agoMs)

  const askedNow = (isMixed: boolean): Asked => ({
    records: emulator.records.length,
    entries: emulator.log.length,
    serviceTime: emulator.now(),
    isMixed,
  })

  const ledgerAt = (start: Start, asked: Asked, takenAt: number): Ledger =>
    new Ledger(context, oracle.begin(originOf(start, asked), asked.entries), takenAt)

  /** A position that comes from the store needs no save. */
  const ledgersOf = (places: readonly Place[]): Ledger[] =>
    places.map(({ ledger, count }) => ledger.resumeAt(count, emulator.log.length, Number.NEGATIVE_INFINITY))

  /** Begins to open a stream from the store, or else at the start. */
  const begin = async () => {
    const process = startProcess(world)
    const abort = new AbortController()
    const asked = askedNow(false)
    const askedAt = clock.monotonic()
    const resumed = setup.checkpoint && store.current
    const expectation = new Expectation(resumed ? ledgersOf(resumed.places) : [])
    if (!resumed) expectation.moveStarts(() => ledgerAt(setup.startAt, asked, askedAt))
    const placesOf = (token: StreamToken) => expectation.placesOf(token, clock.monotonic())
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
      // In some histories the first answer takes minutes.
      connectTimeoutMs: 0,
      ...(setup.checkpoint && {
        checkpoint: { ...setup.checkpoint, store: store.open(process, placesOf), name: NAME },
      }),
      listeners: { gap: ({ shardId }) => report(new Violation('no false gap', world.nameOf(shardId))) },
    })
    opening.catch(() => {})
    // The library loads the SDK's client for tables: that takes real time, in which the manual clock must stand still.
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
        throw new Violation('first position', 'the stream is open, and its position is not saved')
      }
    }
    return { abort, process, opened: opened() }
  }

  const ensureOpen = async (): Promise<Running | undefined> => {
    for (let attempt = 0; !isGone && !running; attempt++) {
      if (attempt === MOST_OPENINGS) throw new Violation('never stuck', 'the stream cannot be opened')
      tell(() => `  open${setup.checkpoint && store.current ? ' from the checkpoint' : ''}`)
      const { opened, process } = await begin()
      try {
        await settle(clock, opened)
      } catch (error) {
        explain(error, 'open')
        process.die()
        store.crash('lost')
      }
    }
    return running
  }

  const abortOpening = async (afterMs: number): Promise<void> => {
    await dispose()
    if (isGone) return
    const { abort, opened, process } = await begin()
    opened.catch(() => {})
    await clock.advance(afterMs)
    abort.abort(new Error('aborted by the history'))
    try {
      await settle(clock, opened)
    } catch (error) {
      if (error !== abort.signal.reason) explain(error, 'open')
      await clock.advance(0)
      expectNothingLeft(process.timers)
      process.die()
      store.crash('lost')
    }
  }

  // ---- Iterating ---------------------------------------------------------------------------------------------------

  /** Nobody can say whether what is asked for after `close()` or a conflict still counts as acknowledged. */
  const acknowledge = ({ expectation, closing }: Running): void =>
    expectation.acknowledge(closing || store.hadConflict ? Number.POSITIVE_INFINITY : clock.monotonic())

  /** `close()` does not reject with an error that a loop has thrown. */
  const noteThrown = (error: unknown): void => {
    const isOfCheckpoint =
      isStreamError(error, 'checkpoint.conflict') || isStreamError(error, 'checkpoint.failed')
    if (running && isOfCheckpoint) running.hasThrown = true
  }

  const watch = (current: Running): LoopWatcher => {
    const { expectation } = current
    return {
      asks: () => guard(() => acknowledge(current)),
      receives: (from, records) =>
        guard(() => {
          tell(() => `    ${records.map(world.nameOfRecord).join(' ')}${from.isLeft ? ' (left)' : ''}`)
          const most = from.kind.as === 'batches' ? from.kind.maxRecords : 1
          if (records.length < 1 || records.length > most) {
            throw new Violation(
              'batch size',
              `${records.length} records, where at most ${most} were asked for`,
            )
          }
          expectation.deliver(records, straddlers.delete(from))
          if (from.isLeft) expectation.rewind()
        }),
      ends: (from) =>
        guard(() => {
          tell(() => '    done')
          if (!from.isLeft) noteEnd(current)
        }),
      fails: (from, error) =>
        guard(() => {
          explain(error, 'next')
          noteThrown(error)
          if (isGone) expectReceivedDelivered(current)
          if (!from.isLeft && (isGone || isStreamError(error))) current.isOver = true
        }),
      leaves: () => guard(() => expectation.rewind()),
    }
  }

  /** Loops whose `next()` was pending when a `moveTo` resolved. */
  const straddlers = new Set<Loop>()

  const noteEnd = (current: Running): void => {
    current.isOver = true
    if (!isStopped()) {
      if (!wasDisabled()) {
        throw new Violation('ends', 'iteration ends, though the stream goes on')
      }
      current.expectation.expect(expectNothingKnownLeft)
    }
    if (setup.checkpoint && !current.closing) expectSaved(current)
  }

  /** What listings have not shown by then, nobody can know of. */
  const expectNothingKnownLeft = ({ session }: Ledger): void => {
    const left = oracle.owed(session).lost.find(({ shardId }) => oracle.isHeardOf(session, shardId))
    if (left) throw new Violation('ends', `iteration ends, and ${world.nameOfRecord(left)} is still to come`)
  }

  /** What was received is delivered before the error that says that the stream is gone. */
  const expectReceivedDelivered = ({ expectation, process }: Running): void =>
    expectation.expect(({ session }) => {
      const lost = emulator.records.find(
        (record) =>
          process.received.has(record.eventId) &&
          session.origin.requires(record) &&
          !session.delivered.has(record),
      )
      if (lost) {
        throw new Violation('complete', `${world.nameOfRecord(lost)} was received, and an error came instead`)
      }
    })

  const expectSaved = ({ expectation }: Running): void =>
    expectation.expect((ledger) => {
      const { token, savedAt } = store.current as NonNullable<FaultyStore['current']>
      if (savedAt < ledger.takenAt) throw new Violation('exact checkpoint', 'the position is not saved')
      ledger.expectCovered(token, ledger.acknowledgedBy(Number.MAX_VALUE))
    })

  /** The loop under way. An error ends it, as it ends `for await`, or the same iterator is asked again. */
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
      const isDone = await within(clock, isStopped() ? Math.max(waitMs, WAKE_MS) : waitMs, from.take())
      throwHeard()
      if (from.end) return
      if (isDone) continue
      if (isStopped()) throw new Violation('never stuck', 'next() is pending after an abort or close()')
      from.stop()
      tell(() => '    pending')
      return
    }
  }

  /** Leaves the loop. What is pending must settle soon, as nobody waits for it any more. */
  const leave = async (waits: boolean): Promise<void> => {
    const left = loop
    if (!left) return
    loop = undefined
    if (left.pending) leftLoops.add(left)
    const pending = left.pending?.then(() => void leftLoops.delete(left))
    const returned = left.leave().catch((error: unknown) =>
      guard(() => {
        explain(error, 'save')
        noteThrown(error)
      }),
    )
    if (pending) goOn(pending, 'next() of a loop that was left', hadStoreFault() ? WAKE_MS : LEFT_MS)
    goOn(returned, 'return()', WAKE_MS)
    if (waits) await settleBackground()
  }

  /** Lets something go on beside the next steps, for `ms` at most. */
  const goOn = (work: Promise<void>, what: string, ms: number): void => {
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
      if (!(await within(clock, left, settled)))
        throw new Violation('never stuck', `${what} is still pending`)
    }
    throwHeard()
  }

  // ---- Moving ------------------------------------------------------------------------------------------------------

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
          tell(() => '    moved')
          expectation.moveSucceeds(clock.monotonic())
          current.process.forgetReceived()
          for (const one of [loop, ...leftLoops]) if (one?.pending) straddlers.add(one)
        }),
      (error: unknown) =>
        guard(() => {
          expectation.moveFails()
          explain(error, 'call')
        }),
    )
    move = moving.finally(() => {
      move = undefined
    })
    if (waits) await settleMove()
  }

  /** Undefined for a token when none was kept, or when it is not sure what it stands for. */
  const targetOf = (to: Start | { readonly token: number }) => {
    const askedAt = clock.monotonic()
    if (typeof to === 'object' && 'token' in to) {
      const { token, places = [] } = kept[to.token % Math.max(1, kept.length)] ?? {}
      const [place] = places
      if (!token || !place || places.length > 1) return undefined
      const entries = emulator.log.length
      return {
        position: token,
        newLedger: () => place.ledger.resumeAt(place.count, entries, askedAt),
      }
    }
    const asked = askedNow(true)
    return { position: positionOf(to), newLedger: () => ledgerAt(to, asked, askedAt) }
  }

  let move: Promise<void> | undefined

  const settleMove = async (): Promise<void> => {
    if (move) await settle(clock, move)
    throwHeard()
  }

  // ---- Closing -----------------------------------------------------------------------------------------------------

  const close = (current: Running): Promise<void> => {
    current.closing ??= current.stream.close().then(
      () => guard(() => setup.checkpoint && !current.hasThrown && expectSaved(current)),
      (error: unknown) => guard(() => explain(error, 'close')),
    )
    return current.closing
  }

  const abort = async (): Promise<void> => {
    const current = running
    if (!current || current.isAborted) return
    const isIdle = !loop && !move && background.size === 0 && !current.closing && !store.hadConflict
    current.abort()
    if (!isIdle) return
    // There is no loop that could end and save: the stream closes by itself.
    await clock.advance(SELF_CLOSE_MS)
    throwHeard()
    expectNothingLeft(current.process.timers)
    if (setup.checkpoint && !hadStoreFault()) expectSaved(current)
  }

  /** Closes the stream that is open, and checks that nothing is left of it. */
  const dispose = async (): Promise<void> => {
    const current = running
    if (!current) return
    tell(() => '  close')
    await settleMove()
    await settleBackground()
    const pending = loop?.pending
    const closed = close(current)
    if (!(await within(clock, WAKE_MS, closed))) throw new Violation('never stuck', 'close() is pending')
    if (pending && !(await within(clock, WAKE_MS, pending))) {
      throw new Violation('never stuck', 'next() is pending after close()')
    }
    throwHeard()
    loop = undefined
    await clock.advance(0)
    expectNothingLeft(current.process.timers)
    const { calls } = current.process
    await clock.advance(2_000)
    if (current.process.calls > calls) throw new Violation('quiet', 'calls are made after close()')
    forget('written')
  }

  const expectNothingLeft = (timers: number): void => {
    if (timers > 0) throw new Violation('quiet', `${timers} timers are left after the end`)
  }

  const forget = (saves: 'written' | 'lost'): void => {
    running?.process.die()
    store.crash(saves)
    running = undefined
    hasFailedToSave = false
    loop = undefined
    move = undefined
    background.clear()
    leftLoops.clear()
    straddlers.clear()
  }

  // ---- Checks ------------------------------------------------------------------------------------------------------

  const check = async (): Promise<void> => {
    await clock.advance(0)
    throwHeard()
    const current = running
    if (!current || current.closing || store.hadConflict || isGone) return
    if (move || background.size > 0) return
    current.expectation.expect((ledger) => ledger.expectCovered(current.stream.token))
    if (setup.checkpoint && !current.isOver && !current.isAborted) await checkSaves(current, setup.checkpoint)
  }

  /** Saves come in time: after so many records, and after so long. */
  const checkSaves = async (
    { expectation }: Running,
    { everyRecords, everyMs }: NonNullable<StreamSetup['checkpoint']>,
  ): Promise<void> => {
    const lateMs = everyMs + SAVE_SLACK_MS
    const now = clock.monotonic()
    if (store.lastFaultAt > now - lateMs || store.isSaving) return
    expectation.expect((ledger) => {
      if (ledger.acknowledged - Math.max(0, savedOf(ledger)) >= everyRecords) {
        throw new Violation(
          'saves in time',
          `${everyRecords} records are acknowledged, and no save is under way`,
        )
      }
    })
    const isLate = (ledger: Ledger) => savedOf(ledger) < ledger.acknowledgedBy(now - lateMs)
    if (!expectation.ledgers.every(isLate)) return
    // A process that was suspended comes late with its timers.
    await clock.advance(lateMs)
    throwHeard()
    if (store.lastFaultAt > now || store.isSaving) return
    expectation.expect((ledger) => {
      if (isLate(ledger)) throw new Violation('saves in time', `nothing was saved for ${lateMs} ms`)
    })
  }

  const savedOf = (ledger: Ledger): number => {
    try {
      if (!store.current || store.current.savedAt < ledger.takenAt) return -1
      return ledger.coveredBy(store.current.token)
    } catch {
      // It is of the position before.
      return -1
    }
  }

  /** While nobody waits for a record, none is looked for. */
  const pause = async (ms: number): Promise<void> => {
    const current = running
    const isAsked = loop?.pending || move || background.size > 0 || current?.closing
    if (!current || isAsked) return clock.advance(Math.min(ms, LONGEST_WAIT_MS))
    if (ms < 2 * MINUTE_MS) return clock.advance(ms)
    await clock.advance(IN_FLIGHT_MS)
    const before = current.process.polls
    await clock.advance(ms - IN_FLIGHT_MS)
    const polls = current.process.polls - before
    const most = MOST_POLLS * (1 + emulator.shards.length) * (1 + ms / RENEWAL_MS)
    if (polls > most) throw new Violation('quiet', `${polls} calls in ${ms} ms, while nobody waits`)
  }

  // ---- The end -----------------------------------------------------------------------------------------------------

  /** Iterates until nothing is owed any more. */
  const drain = async (kind: LoopKind): Promise<void> => {
    const { latencyMs, reader } = setup
    const callsMs = (emulator.shards.length * CALLS_PER_SHARD * latencyMs) / reader.maxConcurrentReads
    const rounds = LAST_ROUNDS + Math.ceil(callsMs / LAST_ROUND_MS)
    for (let round = 0; round < rounds; ) {
      const current = await ensureOpen()
      if (!current || isGone) return
      const from = currentLoop(kind, current)
      const isDone = await within(clock, LAST_ROUND_MS, from.take())
      throwHeard()
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
      const lost = oracle.owed(ledger.session).lost.map(world.nameOfRecord)
      if (lost.length > 0) throw new Violation('complete', `lost ${lost.slice(0, 10).join(' ')}`)
      if (!ledger.isSettled)
        throw new Violation('complete', 'a record that was not acknowledged did not come again')
    })
    if (isDisabled()) {
      throw new Violation('ends', 'the disabled stream does not end')
    }
    await check()
  }

  const isComplete = ({ expectation }: Running): boolean =>
    expectation.ledgers.every((ledger) => ledger.isSettled && oracle.owed(ledger.session).lost.length === 0)

  const kindFor = (number: number): LoopKind =>
    number % 3 === 0
      ? { as: 'batches', maxRecords: 7, maxWaitMs: number % 2 === 0 ? 0 : 300 }
      : { as: 'records' }

  const finish = async (): Promise<void> => {
    store.heal()
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
              current.stream.heartbeat().catch((error) => explain(error, 'call')),
            )
          return
        }
        case 'keepToken': {
          if (!running || running.closing || move || background.size > 0) return
          const token = JSON.parse(JSON.stringify(running.stream.token))
          kept.push({ token, places: running.expectation.placesOf(token, clock.monotonic()) })
          return
        }
        case 'abort':
          return abort()
        case 'close': {
          const current = running
          if (!current) return
          const closed = close(current)
          if (step.waits && !(await within(clock, WAKE_MS, closed))) {
            throw new Violation('never stuck', 'close() is pending')
          }
          return throwHeard()
        }
        case 'reopen':
          await dispose()
          return void (await ensureOpen())
        case 'crash':
          return forget(step.saves)
        case 'abortOpening':
          return abortOpening(step.afterMs)
        case 'store':
          return store.plan(step.fault)
        case 'pause':
          return pause(step.ms)
        case 'enable': {
          // What is to be followed must have been opened once.
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
