import { setMaxListeners } from 'node:events'
import { type Clock, sleep } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import { toFilterEvent } from '../records/filter-event.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { Delivery, RecordHandle } from '../shards/shard-ledger.ts'
import type { RecordSource } from '../stream/record-source.ts'
import { Attempts } from './attempt.ts'
import type { AttemptOutcome } from './attempt-outcome.ts'
import type { InputState } from './batch-collector.ts'
import { checkDestinations } from './check-destinations.ts'
import type { CheckedOptions } from './check-options.ts'
import { closeDestinations } from './close-destinations.ts'
import { Counters, type ProcessingSummary } from './counts.ts'
import { CrashGuard } from './crash-guard.ts'
import { type ProcessingEvents, processingEventNames } from './events.ts'
import { type GiveUp, judgeBeforeAttempt } from './failure-policy.ts'
import type { Work as HandlerWork } from './handler.ts'
import type { ProcessingHealth } from './health.ts'
import { HealthMonitor, type MonitoredRun } from './health-monitor.ts'
import { observeRun, type RunObserver } from './observe-run.ts'
import { Outcomes } from './outcomes.ts'
import { Parking } from './parking.ts'
import { isParkedAfterCrash } from './parking-policy.ts'
import { type Disposition, Planner } from './planner.ts'
import { QueuedRecord } from './queued-record.ts'
import { readBatchOutcome } from './read-outcome.ts'
import { RecordFilter } from './record-filter.ts'
import { RunningAttempts } from './running-attempts.ts'
import { Turns } from './turns.ts'
import type { Work } from './work.ts'

type Phase =
  /** Records are read and attempted. */
  | 'running'
  /** Nothing is read or started any more; attempts that run can still succeed. */
  | 'stopping'
  /** Nothing counts any more. */
  | 'over'

const isSettled = (): Disposition => 'settled'
const isRepeated = (): Disposition => 'repeat'

/**
 * The loop of `processStream`: takes records from the stream, starts what the planner decides, and reports
 * the outcomes to it.
 */
export class Run {
  readonly events: Emitter<ProcessingEvents> = new Emitter<ProcessingEvents>(processingEventNames)
  readonly counters: Counters
  /** Resolves when the run has ended, whether or not with an error. */
  readonly finished: Promise<void>
  readonly result: Promise<ProcessingSummary>
  readonly #source: RecordSource
  readonly #options: CheckedOptions
  readonly #handler: HandlerWork
  readonly #clock: Clock
  readonly #turns: Turns
  readonly #planner: Planner<GiveUp | 'drop'>
  readonly #attempts: Attempts
  readonly #crashGuard: CrashGuard
  readonly #outcomes: Outcomes
  readonly #filter: RecordFilter
  readonly #health: HealthMonitor
  readonly #running: RunningAttempts
  readonly #parking: Parking | undefined
  /** Its metrics and spans; undefined without a meter and a tracer. */
  readonly #observer: RunObserver | undefined
  /** Aborts waits for records and saves when the run stops. */
  readonly #stopped = new AbortController()
  #phase: Phase = 'running'
  #isPaused = false
  #input: InputState = 'flowing'
  #ordinal = 0
  #settledSinceSave = 0
  #lost = 0
  #isWaiting = false
  #failure: { readonly error: unknown } | undefined
  #ending: Promise<void> | undefined
  #finish!: () => void
  /** Called when an attempt or a send has ended, while the run stops. */
  #onDrained: (() => void) | undefined

  constructor(source: RecordSource, handler: HandlerWork, options: CheckedOptions) {
    this.#source = source
    this.#options = options
    this.#handler = handler
    // Each attempt that is saved before it starts listens to it.
    setMaxListeners(0, this.#stopped.signal)
    const clock = options.clock ?? source.clock
    const random = options.random ?? source.random
    const name = options.name ?? source.name ?? 'processStream'
    this.#clock = clock
    this.#turns = new Turns(clock, () => this.#turn())
    this.counters = new Counters(clock)
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.result = this.finished.then(() => {
      if (this.#failure) throw this.#failure.error
      return this.counters.snapshot()
    })
    this.#planner = new Planner<GiveUp | 'drop'>({
      ...options,
      batch: handler.form === 'batch' ? handler : undefined,
      judge: (record) => this.#judge(record),
      isExclusive: (record) => this.#crashGuard.isExclusive(record),
      ancestorsOf: (shardId) => source.ancestorsOf(shardId),
    })
    this.#crashGuard = new CrashGuard(options.retry.maxAttempts)
    this.#filter = new RecordFilter(options)
    this.#outcomes = new Outcomes({
      options,
      handler,
      clock,
      random,
      name,
      streamArn: () => source.streamArn,
      viewOf: (record) => this.#attempts.viewOf(record),
      queuedIn: (itemKey) => this.#planner.queuedIn(itemKey),
      counters: this.counters,
      events: this.events,
      listener: {
        onSettled: () => {
          this.#settledSinceSave++
          this.#crashGuard.settled()
        },
        onReleased: (record) => {
          this.#planner.release(record, clock.monotonic())
          this.#turns.queue()
        },
        onProgress: (record) => this.#progressed([record]),
        onCallEnded: () => this.#onDrained?.(),
        onFatal: (error) => this.#fail(error),
      },
    })
    this.#parking =
      options.parking &&
      new Parking({
        options: options.parking,
        clock,
        random,
        name,
        epoch: source.epoch,
        streamArn: () => source.streamArn,
        lagMs: () => source.lag.millisBehindLatest,
        events: this.events,
        listener: {
          onParked: (record) => this.#settleOutside(record, () => this.#outcomes.park(record)),
          onParkedAgain: (record) => {
            this.#planner.remove(record)
            this.counters.settled('parked')
          },
          onDropped: (record) => this.#settleOutside(record, () => this.#outcomes.drop(record)),
          onReleased: (delivery) => this.#add(delivery, clock.monotonic()),
          onReady: (records) => this.#enqueue(records),
          canRead: () => this.#planner.bound === undefined,
          saveCheckpoint: () => {
            this.#flushSettled()
            return source.save(this.#stopped.signal)
          },
          onCallEnded: () => this.#onDrained?.(),
          onFatal: (error) => this.#failOrLose(error),
        },
      })
    this.#health = new HealthMonitor(this.#monitored(), clock, options, this.events)
    this.#observer = observeRun({
      options,
      source,
      clock,
      name,
      events: this.events,
      counters: this.counters.live,
      parked: this.#parking,
      unsettled: () => this.#planner.unsettled,
      isStalled: () => this.#health.isStalled,
      health: () => this.health(),
    })
    this.#attempts = new Attempts(handler, { ...options, clock, observer: this.#observer })
    this.#running = new RunningAttempts({
      handler,
      attempts: this.#attempts,
      crashGuard: this.#crashGuard,
      counters: this.counters,
      events: this.events,
      clock,
      stopped: this.#stopped.signal,
      epoch: () => source.epoch,
      listener: {
        canStart: () => this.#isProceeding && this.#mayDeliver(),
        progressed: (records) => this.#progressed(records),
        save: (records, signal) => this.#saveProgress(records, signal),
        canceled: (work) => this.#canceled(work),
        ended: (work, outcome) => this.#ended(work, outcome),
      },
    })
  }

  /** Starts reading. */
  async start(): Promise<void> {
    const { lost } = this.#source
    const { signal } = this.#options
    const onLost = () => this.#loseLease(lost.reason)
    const onAbort = () => void this.stop()
    lost.addEventListener('abort', onLost, { once: true })
    signal?.addEventListener('abort', onAbort, { once: true })
    void this.finished.then(() => {
      lost.removeEventListener('abort', onLost)
      signal?.removeEventListener('abort', onAbort)
    })
    if (lost.aborted) onLost()
    else if (signal?.aborted) onAbort()
    try {
      const { checkDestinations: isChecking, onFailure } = this.#options
      if (isChecking) await checkDestinations(onFailure, this.#stopped.signal)
      if (this.#phase === 'running') await this.#parking?.open(this.#stopped.signal)
    } catch (error) {
      if (this.#phase === 'running') this.#failOrLose(error)
    }
    if (this.#phase !== 'running') return
    this.#health.start()
    this.#turns.start()
  }

  /** Stops taking and starting records, lets running attempts end, and saves. Resolves when that is done. */
  stop(): Promise<void> {
    if (this.#phase !== 'over') this.#ending ??= this.#end()
    return this.finished
  }

  pause(): void {
    this.#isPaused = true
    this.#turns.wakeAt(undefined)
    this.#health.check()
  }

  resume(): void {
    this.#isPaused = false
    this.#health.check()
    this.#running.resume()
    this.#turns.queue()
  }

  health(): ProcessingHealth {
    return this.#health.health()
  }

  /** A record as filter patterns see it. */
  readonly #toFilterEvent = (record: StreamRecord, readsImages: boolean): object =>
    toFilterEvent(record, this.#source.streamArn, readsImages)

  // ---- The loop -------------------------------------------------------------------------------------------

  /** Asked after each call of user code, which can pause or stop the run in the middle of a turn. */
  get #isProceeding(): boolean {
    return this.#phase === 'running' && !this.#isPaused
  }

  #turn(): void {
    this.#flushSettled()
    if (this.#isPaused) return
    const now = this.#clock.monotonic()
    try {
      this.#takeRecords(now)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#planner.collectDue(now)
    this.#startReady(now)
    this.#waitForRecords()
    this.#turns.wakeAt(this.#isProceeding ? this.#planner.wakeAt : undefined)
  }

  #takeRecords(now: number): void {
    const source = this.#source
    while (this.#isProceeding && this.#planner.wantsRecord && this.#turns.mayTake()) {
      const delivery = source.take()
      if (delivery === undefined) {
        this.#countLost()
        this.#input = source.isEnded ? 'over' : 'idle'
        return
      }
      this.#turns.took()
      this.#add(delivery, now)
    }
    this.#input = 'flowing'
  }

  /** Counts unsettled records of an earlier run that were trimmed. */
  #countLost(): void {
    const lost = this.#source.lostUnsettled
    if (lost === this.#lost) return
    this.counters.settled('lost', lost - this.#lost)
    this.#lost = lost
  }

  /** Adds a record of the stream, or one that was read from the parking store. */
  #add(delivery: RecordHandle, now: number): void {
    this.#health.taken(this.#planner.unsettled + 1, now)
    this.counters.delivered()
    const { record } = delivery
    const filtered = this.#filter.excludes(record, this.#toFilterEvent)
    if (filtered === true) {
      this.#settleFiltered(delivery)
      return
    }
    const { order } = this.#options
    const itemKey = order === 'key' ? record.itemKey : undefined
    const queued = new QueuedRecord(delivery, this.#ordinal++, itemKey)
    if (filtered === undefined) queued.mustFilter()
    this.#dropUnknownTasks(queued)
    this.#crashGuard.delivered(queued)
    this.#planner.admit(queued)
    const isDiverted =
      itemKey !== undefined && !queued.isFromParking && this.#parking?.divert(queued, itemKey)
    if (!isDiverted) this.#planner.enqueue(queued, order === 'shard' ? record.shardId : itemKey, now)
    if (queued.isFromParking) this.#turns.queue()
  }

  /** Adds records that are unsettled, but in no lane, to the lane of their key. */
  #enqueue(records: readonly QueuedRecord[]): void {
    const now = this.#clock.monotonic()
    for (const queued of records) this.#planner.enqueue(queued, queued.record.itemKey, now)
    this.#turns.queue()
  }

  /** Settles a record that is in no lane. */
  #settleOutside(record: QueuedRecord, settle: () => void): void {
    if (this.#phase === 'over') return
    settle()
    this.#planner.remove(record)
    this.#turns.queue()
  }

  #parkEvicted(): void {
    for (let evicted = this.#planner.takeEvicted(); evicted; evicted = this.#planner.takeEvicted()) {
      this.#parking?.park(evicted)
    }
  }

  #settleFiltered(delivery: RecordHandle): void {
    delivery.settle('filtered')
    this.counters.settled('filtered')
    this.#health.settled()
    this.#source.changed()
  }

  /** Drops the names of tasks that the token contains and the handler no longer has. */
  #dropUnknownTasks(record: QueuedRecord): void {
    if (record.finishedTasks.length === 0) return
    const { tasks } = this.#handler.form === 'tasks' ? this.#handler : { tasks: undefined }
    const { sequenceNumber } = record.delivery
    for (const task of record.dropTasks((name) => tasks?.has(name) === true)) {
      this.events.emit('taskDropped', { shardId: record.shardId, sequenceNumber, task })
    }
  }

  #startReady(now: number): void {
    while (this.#isProceeding && this.#turns.mayStart() && this.#mayDeliver()) {
      const action = this.#planner.next(now, this.#input)
      this.#parkEvicted()
      if (action === undefined) return
      this.#turns.started()
      if (action.do === 'start') this.#start(action.work)
      else if (this.#skip(action.record, action.verdict) === 'settled') {
        this.#planner.release(action.record, now)
      }
    }
  }

  /** After a suspension, nothing is started before the lease is renewed. May end the run. */
  #mayDeliver(): boolean {
    const source = this.#source
    if (source.mayDeliver) return true
    if (this.#isProceeding) void source.renewed(this.#stopped.signal).then(() => this.#renewed())
    return false
  }

  #renewed(): void {
    this.#running.resume()
    this.#turns.queue()
  }

  #skip(record: QueuedRecord, verdict: GiveUp | 'drop'): Disposition {
    return verdict === 'drop' ? this.#outcomes.drop(record) : this.#outcomes.giveUp(record, verdict)
  }

  /** Waits for more records, or continues with the table's next stream once this one has ended. */
  #waitForRecords(): void {
    if (!this.#isProceeding || this.#isWaiting || this.#turns.isYielding || !this.#planner.wantsRecord) return
    const { isEnded } = this.#source
    if (isEnded && (this.#planner.unsettled > 0 || this.#parking?.isReleasing)) return
    this.#isWaiting = true
    const { signal } = this.#stopped
    const waited = isEnded ? this.#advance(signal) : this.#source.wait(signal)
    waited.then(
      () => {
        this.#isWaiting = false
        this.#turns.queue()
      },
      (error: unknown) => {
        this.#isWaiting = false
        this.#fail(error)
      },
    )
  }

  async #advance(signal: AbortSignal): Promise<void> {
    this.#flushSettled()
    if ((await this.#source.advance(signal)) || signal.aborted) return
    if (!this.#parking?.streamEnded()) void this.stop()
  }

  #flushSettled(): void {
    if (this.#settledSinceSave === 0) return
    this.#source.settled(this.#settledSinceSave)
    this.#health.settled()
    this.#settledSinceSave = 0
  }

  // ---- Attempts -------------------------------------------------------------------------------------------

  #judge(record: QueuedRecord): GiveUp | 'drop' | 'park' | undefined {
    if (record.isFromParking && this.#parking?.isDropped(record)) return 'drop'
    if (record.attemptsInRun === 0 && !record.wasRunning) return undefined
    const { retry } = this.#options
    const { attempts, attemptsInRun, wasRunning, waits, ageStartsAt, firstAttemptAt } = record
    const now = { wall: this.#clock.now(), monotonic: this.#clock.monotonic() }
    const state = { attempts, attemptsInRun, wasRunning, ageStartsAt, firstAttemptAt, waits, queued: 0 }
    if (isParkedAfterCrash(state, retry)) return 'park'
    const verdict = judgeBeforeAttempt(state, retry, now)
    return verdict.do === 'giveUp' ? verdict : undefined
  }

  #start(work: Work): void {
    const { records } = work
    const [first] = records as [QueuedRecord]
    const isAlone = records.length === 1
    if (isAlone && first.isUnfiltered && !this.#filterAgain(work, first)) return
    if (!this.#isProceeding) {
      // The filter has paused or stopped the run.
      this.#planner.end(work, isRepeated, this.#clock.monotonic())
      return
    }
    this.#running.start(work)
  }

  #ended(work: Work, outcome: AttemptOutcome): void {
    const now = this.#clock.monotonic()
    if (outcome.kind === 'record') {
      const disposition = this.#outcomes.apply(work.records[0] as QueuedRecord, outcome.outcome)
      this.#planner.end(work, disposition === 'settled' ? isSettled : () => disposition, now)
    } else this.#endBatch(work, outcome, now)
    // Its records are no longer running, also those that are attempted again.
    this.#progressed(work.records)
    this.#parkEvicted()
    if (this.#phase === 'running') this.#turns.queue()
    else this.#onDrained?.()
  }

  #endBatch(work: Work, outcome: Exclude<AttemptOutcome, { kind: 'record' }>, now: number): void {
    const { isSplit, results } = readBatchOutcome(work.parts, outcome)
    const dispositions = new Map<QueuedRecord, Disposition>()
    const { isStopping } = this.#outcomes
    for (const [record, result] of results) {
      dispositions.set(record, this.#outcomes.apply(record, result, isStopping))
    }
    const dispositionOf = (record: QueuedRecord) => dispositions.get(record) as Disposition
    if (isSplit)
      this.#planner.split(work, dispositionOf, now + this.#outcomes.splitDelayMs(work.records), now)
    else this.#planner.end(work, dispositionOf, now)
  }

  /** The attempt was given back before it started. */
  #canceled(work: Work): void {
    this.#progressed(work.records)
    this.#planner.end(work, isRepeated, this.#clock.monotonic())
    this.#onDrained?.()
  }

  /** What the token, or the parking store, contains about the records has changed. */
  #progressed(records: readonly QueuedRecord[]): void {
    this.#source.changed()
    if (this.#parking !== undefined) for (const record of records) this.#parking.changed(record)
  }

  /**
   * Saves that attempts are running: in the checkpoint, and in the parking store. See {@link
   * RunningAttempts}.
   */
  async #saveProgress(records: readonly QueuedRecord[], signal: AbortSignal): Promise<boolean> {
    const saves: Promise<boolean>[] = []
    for (const record of records) {
      if (record.isFromParking && this.#parking) saves.push(this.#parking.saveProgress(record, signal))
    }
    if (saves.length < records.length) saves.push(this.#trySave(signal))
    return (await Promise.all(saves)).every((isSaved) => isSaved)
  }

  async #trySave(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#source.save(signal)
      return true
    } catch (error) {
      // Saving is still being retried; if the lease is lost, the run has ended.
      return !isStreamError(error, 'checkpoint.failed')
    }
  }

  /** Evaluates the filter again, which threw when the record was delivered. Returns whether to continue. */
  #filterAgain(work: Work, record: QueuedRecord): boolean {
    const filtered = this.#filter.excludes(record.record, this.#toFilterEvent)
    if (filtered === false) return true
    const now = this.#clock.monotonic()
    if (filtered === true) {
      this.#settleFiltered(record.delivery)
      this.#planner.end(work, isSettled, now)
      return false
    }
    record.startAttempt(true, this.#clock.now())
    this.counters.attemptStarted(record.starts)
    this.#observer?.filterFailed()
    const { error } = this.#filter
    const disposition = this.#outcomes.apply(record, { result: 'failed', error, isReported: false })
    this.#planner.end(work, () => disposition, now)
    // Not only before the next start: the next record of the key can be taken before that.
    this.#parkEvicted()
    return false
  }

  #monitored(): MonitoredRun {
    const planner = this.#planner
    const facts = () => ({
      hasFailed: this.#failure !== undefined,
      hasEnded: this.#phase === 'over',
      isStopping: this.#phase === 'stopping',
      isPaused: this.#isPaused,
    })
    return {
      records: () => planner.records,
      load: () => ({
        unsettled: planner.unsettled,
        unsettledBytes: planner.bytes,
        failingLanes: planner.failing + planner.held,
        abandoned: this.#running.abandonedSize,
        lanesAtDestination: planner.held,
        recordsAtParking: this.#parking?.waiting ?? 0,
        isReadingBlocked: planner.bound !== undefined || planner.isAtFailingBound,
        isWaitingForNextStream: this.#source.isEnded && this.#source.canAdvance,
        isHalted: this.#isPaused || this.#phase !== 'running',
      }),
      get lifecycle() {
        return facts()
      },
    }
  }

  // ---- The end --------------------------------------------------------------------------------------------

  #fail(error: unknown): void {
    if (this.#phase === 'over') return
    this.#failure ??= { error }
    void this.stop()
  }

  /** Ends the run with an error: at once, if another worker has replaced this one. */
  #failOrLose(error: unknown): void {
    if (!isStreamError(error, 'checkpoint.conflict')) {
      this.#fail(error)
      return
    }
    // The parking store knows. Otherwise closing the stream would overwrite the checkpoint of the other
    // worker, if it is not fenced, or reject with an error of its own.
    this.#source.abandon(error)
    this.#loseLease(error)
  }

  async #end(): Promise<void> {
    this.#phase = 'stopping'
    this.#health.check()
    this.#stopped.abort()
    this.#turns.stop()
    this.#outcomes.stop()
    this.#parking?.stop()
    this.#running.cancelPostponed()
    this.#flushSettled()
    const { drainTimeoutMs, abandonAfterMs } = this.#options
    await this.#drain(drainTimeoutMs)
    if (this.#isEnded) return
    this.#abortAttempts(new StreamError('closed', 'The run was stopped.', {}))
    await this.#drain(abandonAfterMs)
    if (this.#isEnded) return
    this.#giveBackAttempts()
    this.#flushSettled()
    await this.#parking?.finish()
    await this.#save()
    await closeDestinations(this.#options.onFailure, this.#clock)
    this.#close()
  }

  get #isEnded(): boolean {
    return this.#phase === 'over'
  }

  /** Waits until no attempt runs and no dead letter is being sent, for at most `timeoutMs`. */
  async #drain(timeoutMs: number): Promise<void> {
    const drained = new AbortController()
    const check = () => {
      const isBusy = this.#running.size > 0 || this.#outcomes.isSending || this.#parking?.isWriting
      if (this.#phase === 'over' || !isBusy) drained.abort()
    }
    this.#onDrained = check
    check()
    await sleep(this.#clock, timeoutMs, drained.signal)
    this.#onDrained = undefined
  }

  #abortAttempts(reason: unknown): void {
    this.#outcomes.abort()
    this.#running.abort(reason)
  }

  /** Later results are ignored: the records are unsettled, and their attempts are given back. */
  #giveBackAttempts(): void {
    this.#phase = 'over'
    this.#outcomes.close()
    if (this.#running.close()) this.#source.changed()
  }

  async #save(): Promise<void> {
    try {
      await this.#source.save()
    } catch (error) {
      const failed = this.#failure?.error
      if (isStreamError(failed, 'handler.failed')) {
        const details = { ...failed.details, checkpointError: error }
        this.#failure = { error: new StreamError('handler.failed', failed.message, details, failed.cause) }
      } else this.#failure ??= { error }
    }
  }

  /** Another worker has acquired the checkpoint: nothing may be saved or sent any more. */
  #loseLease(reason: unknown): void {
    if (this.#phase === 'over') return
    this.#failure = { error: reason }
    this.#stopped.abort()
    this.#turns.stop()
    this.#outcomes.stop()
    this.#abortAttempts(reason)
    this.#giveBackAttempts()
    this.#onDrained?.()
    void closeDestinations(this.#options.onFailure, this.#clock)
    this.#close()
  }

  #close(): void {
    this.#parking?.close()
    this.#countLost()
    this.#health.stop()
    this.#attempts.close()
    this.counters.ended()
    this.#observer?.close()
    const unsettled = [...this.#planner.records].sort((a, b) => a.ordinal - b.ordinal)
    // What was read from the parking store is still there.
    const deliveries = unsettled.filter(({ isFromParking }) => !isFromParking)
    this.#source.detach(deliveries.map(({ delivery }) => delivery as Delivery))
    this.#finish()
  }
}
