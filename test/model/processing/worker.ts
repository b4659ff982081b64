import {
  type DynamoDBStream,
  isStreamError,
  openStream,
  type ProcessingRun,
  type processStream,
  type StreamRecord,
  type StreamToken,
} from '../../../src/index.ts'
import type { EmulatedRecord } from '../../../src/testing/index.ts'
import { seeded } from '../seeded.ts'
import { settle } from '../settle.ts'
import { type Process, startProcess } from '../stream/process.ts'
import { settlesWithin } from '../stream/settles-within.ts'
import { createStore } from '../stream/store.ts'
import { Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { createActs } from './acts.ts'
import { createDestination } from './destination.ts'
import { createHandler, type HandlerHost } from './handler.ts'
import { createOptions } from './options.ts'
import { ABANDON_MS, DRAIN_MS, RunOracle } from './oracle.ts'
import type { Condition } from './record-state.ts'
import type { Moment, Order, ProcessingSetup, WorkerStep } from './steps.ts'
import { meaningOf, nothingCovered, type TokenMeaning } from './token-meaning.ts'

/** How long a run may take to stop: the drain, and a last save with all its attempts, in ms. */
const MAX_STOP_MS = DRAIN_MS + ABANDON_MS + 13_000

/** How long a fault of the store or the destination can have an effect, in ms. */
const FAULT_EFFECT_MS = 90_000

/** The rounds in which a run may finish once faults are lifted, and their length: 20 minutes in total. */
const LAST_ROUNDS = 240
const LAST_ROUND_MS = 5_000

const MAX_OPEN_ATTEMPTS = 100

/** How many times a record can end the process before a checkpoint shows an attempt of it. */
const UNCOUNTED_DEATHS = 4

/** With fewer attempts, they are used up before it is known which record has ended the process. */
const MIN_ATTEMPTS_TO_TELL = 3

/** Processes a stream as the steps of a history say, and checks everything that the runs do. */
export interface Worker {
  perform(step: WorkerStep): Promise<void>
  /** Checks the guarantees that apply between two steps. */
  check(): Promise<void>
  /** Once faults are lifted, runs until every record is settled, and stops. */
  finish(): Promise<void>
  /** Does the same from one of the saved tokens. */
  finishFromSaved(number: number): Promise<void>
}

/** A run, and what has happened to it. */
interface Running {
  readonly process: Process
  readonly stream: DynamoDBStream
  readonly run: ProcessingRun
  readonly oracle: RunOracle
  readonly abort: AbortController
  /** Resolves when the run has ended, or its process has died. */
  readonly over: Promise<void>
  notifyOver(): void
  hasEnded: boolean
  /** Whether the last checkpoint of the run could not be saved. A save that timed out may be stored later. */
  hasFailedToSave: boolean
  /** How the run was stopped. */
  stoppedBy: 'stop' | 'signal' | 'close' | undefined
}

export function createWorker(
  world: World,
  setup: ProcessingSetup,
  startProcessing: typeof processStream,
  trace: (line: () => string) => void,
): Worker {
  const { clock, emulator } = world
  const random = seeded(setup.seed)
  const acts = createActs(world, setup)
  let firstViolation: unknown
  let running: Running | undefined
  let nextOrder: Order = setup.order
  let deniedSeen = 0
  let trap: { moment: Moment; left: number; saves: 'written' | 'lost' } | undefined
  /** Whether a process has ended, or a checkpoint failed, other than by what a handler did. */
  let hasInterfered = false
  let hanging: ((as: 'success' | 'failure') => void)[] = []

  const report = (violation: unknown): void => {
    firstViolation ??= violation
  }
  const throwFirstViolation = (): void => {
    if (firstViolation !== undefined) throw firstViolation
  }
  const guard = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      report(error)
    }
  }

  const store = createStore(clock, () => random() * setup.latencyMs, report)
  const destination = createDestination(() => Math.round(random() * setup.sendMs), report)

  const records = new Map<string, EmulatedRecord>()
  const find = ({ eventId }: StreamRecord): EmulatedRecord => {
    for (let index = records.size; index < emulator.records.length; index++) {
      const record = emulator.records[index] as EmulatedRecord
      records.set(record.eventId, record)
    }
    const found = records.get(eventId)
    if (!found) throw new Violation('no unrequested records', `the record ${eventId} does not exist`)
    return found
  }

  const recordAt = (shardId: string, sequenceNumber: string): EmulatedRecord | undefined =>
    emulator.shard(shardId).records.find((record) => record.sequenceNumber === sequenceNumber)

  // ---- Processes -----------------------------------------------------------------------------------------

  const kill = (saves: 'written' | 'lost'): void => {
    if (!running) return
    trace(() => `    the process dies, a save in flight is ${saves}`)
    discard(saves)
  }

  const discard = (saves: 'written' | 'lost'): void => {
    running?.process.die()
    running?.notifyOver()
    store.crash(saves)
    running = undefined
    trap = undefined
    hanging = []
  }

  const reach = (moment: Moment): void => {
    if (trap?.moment !== moment || --trap.left > 0) return
    hasInterfered = true
    kill(trap.saves)
  }

  const ensureRunning = async (): Promise<Running> => {
    if (running?.hasEnded) await dispose()
    for (let attempt = 0; !running; attempt++) {
      if (attempt === MAX_OPEN_ATTEMPTS) {
        throw new Violation('never stuck', `the stream could not be opened in ${attempt} attempts`)
      }
      await open()
    }
    return running
  }

  const open = async (): Promise<void> => {
    const process = startProcess(world)
    const { checkpoint, reader } = setup
    let loaded: StreamToken | undefined
    trace(() => `  open${store.current ? ' from the checkpoint' : ''}, order ${nextOrder}`)
    const inner = store.open(process, (token) => {
      if (running?.process === process) {
        const { oracle } = running
        guard(() => oracle.saving(meaningOf(world, token)))
        trace(() => `    save ${JSON.stringify(token.shards)}`)
        reach('save')
      }
      return []
    })
    const opening = openStream({
      ...reader,
      streamArn: emulator.streamArn,
      client: process.client,
      clock: process.clock,
      random,
      startAt: 'trim_horizon',
      connectTimeoutMs: 0,
      checkpoint: {
        ...checkpoint,
        name: 'model',
        store: {
          load: async (name) => {
            const token = await inner.load(name)
            loaded = token as StreamToken | undefined
            return token
          },
          save: async (name, token) => {
            try {
              await inner.save(name, token)
            } catch (error) {
              if (isStreamError(error, 'checkpoint.conflict')) guard(() => running?.oracle.halted('lost'))
              throw error
            }
            if (running?.process !== process) return
            running.oracle.saved(meaningOf(world, token))
            reach('saved')
            if (!process.isAlive) await new Promise(() => {})
          },
        },
      },
    })
    try {
      const stream = await settle(clock, opening)
      startRun(process, stream, loaded ? meaningOf(world, loaded) : nothingCovered)
    } catch (error) {
      expectExplained(error)
      process.die()
      store.crash('lost')
    }
  }

  const startRun = (process: Process, stream: DynamoDBStream, loaded: TokenMeaning): void => {
    const oracle = new RunOracle(world, setup, nextOrder, loaded, acts.isFiltered)
    const abort = new AbortController()
    let hasEnded = false
    const isLive = (): boolean => process.isAlive && !hasEnded
    /** Returns whether what the run does counts. Once it has ended, it must not do anything. */
    const mayAct = (what: string): boolean => {
      if (process.isAlive && hasEnded) report(new Violation('stops', `${what} after the run had ended`))
      return isLive()
    }
    const host: HandlerHost = {
      setup,
      process,
      oracle,
      get isLive() {
        return isLive()
      },
      mayStart: () => mayAct('the handler was called'),
      find,
      next: (record, task) => {
        unfinished.add(record)
        return acts.next(record, task)
      },
      started: ({ record, wasRunning, hasStarted }, attempt) => {
        const isExclusive = wasRunning && !hasStarted
        if (attempt >= setup.maxAttempts && !isExclusive) lastAttempts.add(record)
      },
      ended: (record) => void unfinished.delete(record),
      guard,
      reach,
      die: (record) => {
        if (!isLive()) return
        guard(() => noteDeath(record))
        kill('lost')
      },
      hang: (settleHanging) => void hanging.push(settleHanging),
      trace,
    }
    const options = createOptions(setup, {
      order: nextOrder,
      process,
      random,
      signal: abort.signal,
      destination: destination.open(process, {
        sending: ({ records: [record], condition, failure }) => {
          if (!mayAct('a letter was sent') || !record) return
          trace(() => `    letter for ${record.sequenceNumber}: ${condition} ${failure.task ?? ''}`)
          guard(() => expectGuilty(find(record), condition as Condition))
          guard(() =>
            oracle.sending(find(record), condition as Condition, failure.task ?? '', failure.attempts),
          )
          reach('send')
        },
        accepted: ({ records: [record], condition, failure }) => {
          if (!isLive() || !record) return
          guard(() => oracle.accepted(find(record), condition as Condition, failure.task ?? ''))
          reach('accepted')
        },
        refused: ({ records: [record], failure }) => {
          if (isLive() && record) guard(() => oracle.refused(find(record), failure.task ?? ''))
        },
      }),
      delivered: (record) => {
        if (!mayAct('a record was taken')) return false
        guard(() => oracle.delivered(find(record)))
        trace(() => `    take ${world.nameOfRecord(record)} (${record.sequenceNumber})`)
        reach('delivery')
        return !acts.isFiltered(find(record))
      },
      validated: (number) => {
        const record = emulator.records.find(({ raw }) => raw.dynamodb?.NewImage?.n?.N === String(number))
        if (!isLive() || !record) return true
        const isValid = !acts.isInvalid(record)
        guard(() => oracle.validated(record, isValid))
        return isValid
      },
    })
    const run = startProcessing(stream, createHandler(host), options)
    run.on('discarded', ({ shardId, sequenceNumber, condition, task = '' }) => {
      const record = recordAt(shardId, sequenceNumber)
      if (!isLive() || !record) return
      guard(() => expectGuilty(record, condition))
      guard(() => oracle.discarded(record, condition, task))
    })
    const end = (settled: () => void): void => {
      hasEnded = true
      if (!process.isAlive) return
      guard(() => {
        settled()
        oracle.ended()
      })
      if (running?.process !== process) return
      running.hasEnded = true
      running.notifyOver()
    }
    run.then(
      () =>
        end(() => {
          trace(() => '    the run has ended')
          if (!oracle.isHalted) throw new Violation('ends', 'the run has ended by itself')
        }),
      (error: unknown) => {
        if (running?.process === process) running.hasFailedToSave = isFailedSave(error)
        end(() => expectExplained(error, oracle))
      },
    )
    let notifyOver = () => {}
    const over = new Promise<void>((resolve) => {
      notifyOver = resolve
    })
    const initial = { hasEnded: false, hasFailedToSave: false, stoppedBy: undefined }
    running = { process, stream, run, oracle, abort, over, notifyOver, ...initial }
  }

  /** Throws a violation unless the history explains the error. */
  const expectExplained = (error: unknown, oracle?: RunOracle): void => {
    if (error instanceof Violation) throw error
    trace(() => `    ${String(error)}`)
    if (error instanceof Error && error.name === 'AccessDeniedException' && deniedSeen < world.deniedCalls) {
      deniedSeen++
      return
    }
    if (isStreamError(error, 'checkpoint.conflict') && store.hadConflict) return
    if (isStreamError(error, 'checkpoint.failed') && (store.hadFault || store.isSaving)) return
    if (isStreamError(error, 'handler.failed') && oracle) {
      const { shardId, sequenceNumber } = error.details
      const record = recordAt(shardId, sequenceNumber)
      if (record && oracle.isGivenUp(record)) return
    }
    throw new Violation('no unexpected error', String(error), error)
  }

  /** The records whose last attempt did not end. */
  const unfinished = new Set<EmulatedRecord>()
  /** Records whose last permitted attempt has started beside others, because no process had died in it. */
  const lastAttempts = new Set<EmulatedRecord>()
  const deathCounts = new Map<EmulatedRecord, number>()
  const deathsBy = (record: EmulatedRecord): number => deathCounts.get(record) ?? 0

  /** A record that ends the process each time uses up its attempts. */
  const noteDeath = (record: EmulatedRecord): void => {
    const deaths = deathsBy(record) + 1
    deathCounts.set(record, deaths)
    if (
      hasInterfered ||
      setup.onFailure.exhausted === 'stop' ||
      deaths <= setup.maxAttempts + UNCOUNTED_DEATHS
    )
      return
    throw new Violation('attempts', `${world.nameOfRecord(record)} has ended the process ${deaths} times`)
  }

  /**
   * A record that never ended the process is not given up because it was running when another record did,
   * unless that was its last attempt, after failures of its own.
   */
  const expectGuilty = (record: EmulatedRecord, condition: Condition): void => {
    const isSafe = hasInterfered || setup.maxAttempts < MIN_ATTEMPTS_TO_TELL
    if (condition !== 'WorkerLost' || isSafe || deathsBy(record) > 0) return
    // It is not known to a run that an attempt ended just before the process did. The attempts of an invalid
    // record end before the handler is called.
    if (!unfinished.has(record) || lastAttempts.has(record) || acts.isInvalid(record)) return
    throw new Violation(
      'one fate',
      `${world.nameOfRecord(record)} was given up for the deed of another record`,
    )
  }

  // ---- Ending a run --------------------------------------------------------------------------------------

  const stop = (current: Running, by: 'stop' | 'signal' | 'close'): void => {
    if (current.hasEnded || current.stoppedBy) return
    current.stoppedBy = by
    current.oracle.stopped()
    trace(() => `    stop by ${by}`)
    if (by === 'stop') void current.run.stop().catch(() => {})
    else if (by === 'signal') current.abort.abort(new Error('stopped by the history'))
    else current.stream.close().catch((error: unknown) => guard(() => expectExplained(error)))
  }

  /** Waits until a run that was stopped has ended, and checks what it has saved. */
  const awaitEnd = async (current: Running): Promise<void> => {
    const limitMs = MAX_STOP_MS + (hadFault() ? FAULT_EFFECT_MS : 0)
    if (!(await settlesWithin(clock, limitMs, current.over))) {
      throwFirstViolation()
      throw new Violation('never stuck', `the run has not ended ${limitMs} ms after it was told to stop`)
    }
    throwFirstViolation()
    if (!current.process.isAlive || current.hasFailedToSave) return
    if (store.hadConflict || hadFault() || !store.current) return
    current.oracle.saving(meaningOf(world, store.current.token))
  }

  const hadFault = (): boolean => {
    const since = clock.monotonic() - FAULT_EFFECT_MS
    return store.lastFaultAt > since || destination.lastFaultAt > since || store.isSaving
  }

  /** Stops the run, closes the stream, and checks that no timers or calls remain. */
  const dispose = async (): Promise<void> => {
    const current = running
    if (!current) return
    stop(current, 'stop')
    await awaitEnd(current)
    if (running !== current) return
    const closed = current.stream.close().catch((error: unknown) => guard(() => expectExplained(error)))
    if (!(await settlesWithin(clock, FAULT_EFFECT_MS, closed))) {
      throw new Violation('never stuck', 'close() is still pending')
    }
    throwFirstViolation()
    await clock.advance(0)
    const { calls } = current.process
    await clock.advance(2_000)
    if (current.process.calls > calls) {
      throw new Violation('no idle polling', 'the service was called after the stream was closed')
    }
    discard('written')
  }

  // ---- Steps ---------------------------------------------------------------------------------------------

  const restart = async ({ by, order, waits }: Extract<WorkerStep, { do: 'restart' }>): Promise<void> => {
    const current = await ensureRunning()
    nextOrder = order ?? nextOrder
    stop(current, by)
    if (!waits) return
    await dispose()
    await ensureRunning()
  }

  const rerun = async (order: Order | undefined): Promise<void> => {
    const current = await ensureRunning()
    nextOrder = order ?? nextOrder
    stop(current, 'stop')
    await awaitEnd(current)
    if (running !== current || store.hadConflict || current.stoppedBy === 'close') return
    const { process, stream, oracle } = current
    const meaning = meaningOf(world, stream.token)
    startRun(process, stream, {
      ...meaning,
      // The token need not cover records that were filtered, but the stream does not deliver them again.
      isCovered: (record) => {
        const { isCovered, fate } = oracle.stateOf(record)
        return isCovered || fate === 'filtered' || meaning.isCovered(record)
      },
    })
  }

  const pause = async (ms: number): Promise<void> => {
    const current = await ensureRunning()
    current.run.pause()
    current.oracle.paused()
    await clock.advance(ms)
    current.oracle.resumed()
    if (running === current) current.run.resume()
  }

  const release = (as: 'success' | 'failure'): void => {
    for (const settleHanging of hanging.splice(0)) settleHanging(as)
  }

  const check = async (): Promise<void> => {
    // A timer can suspend the process, so that others are overdue.
    do await clock.advance(0)
    while (clock.untilNextTimer === 0)
    throwFirstViolation()
    const current = running
    if (!current || current.hasEnded) return
    current.oracle.check(current.run.counters, hadFault())
    const { maxUnsavedMs } = current.oracle
    const isUnsaved = (since: number) => !hadFault() && current.oracle.unsavedSince(since - maxUnsavedMs)
    if (!isUnsaved(clock.monotonic()) || current.oracle.isHalted) return
    // The timers of a suspended process fire late.
    await clock.advance(maxUnsavedMs)
    throwFirstViolation()
    const name = isUnsaved(clock.monotonic())
    if (running === current && !current.oracle.isHalted && name) {
      throw new Violation('timely saves', `what has happened to ${name} was not saved for ${maxUnsavedMs} ms`)
    }
  }

  // ---- Finishing -----------------------------------------------------------------------------------------

  const runToEnd = async (): Promise<void> => {
    for (let round = 0; round < LAST_ROUNDS; round++) {
      const { oracle } = await ensureRunning()
      release('failure')
      await clock.advance(LAST_ROUND_MS)
      throwFirstViolation()
      await check()
      if (running?.oracle === oracle && oracle.outstanding.length === 0) return
    }
    const names = running?.oracle.outstanding.map(world.nameOfRecord) ?? []
    throw new Violation('complete', `never settled: ${names.slice(0, 10).join(' ')}`)
  }

  const finish = async (): Promise<void> => {
    store.clearFaults()
    destination.clearFaults()
    acts.becomeHarmless()
    trap = undefined
    await runToEnd()
    await dispose()
  }

  return {
    perform: async (step) => {
      switch (step.do) {
        case 'pass':
          await ensureRunning()
          return clock.advance(step.ms)
        case 'restart':
          return restart(step)
        case 'rerun':
          return rerun(step.order)
        case 'kill':
          nextOrder = step.order ?? nextOrder
          hasInterfered = true
          return kill(step.saves)
        case 'killAt':
          await ensureRunning()
          trap = { moment: step.moment, left: step.nth, saves: step.saves }
          return
        case 'pause':
          return pause(step.ms)
        case 'release':
          return release(step.as)
        case 'store':
          hasInterfered = true
          return store.injectFault(step.fault)
        case 'destination':
          return destination.injectFault(step.fault)
      }
    },
    check,
    finish,
    finishFromSaved: async (number) => {
      const saved = store.saves[number % Math.max(1, store.saves.length)]
      if (!saved) return
      trace(() => `  save ${number % store.saves.length}`)
      store.put(saved)
      // The token may show attempts as running, as after a crash.
      hasInterfered = true
      await runToEnd()
      await dispose()
    },
  }
}

function isFailedSave(error: unknown): boolean {
  if (isStreamError(error, 'handler.failed')) return error.details.checkpointError !== undefined
  return isStreamError(error, 'checkpoint.failed')
}
