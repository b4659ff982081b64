import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import type { Attempts } from './attempt.ts'
import type { AttemptOutcome } from './attempt-outcome.ts'
import type { Counters } from './counts.ts'
import type { CrashGuard } from './crash-guard.ts'
import type { ProcessingEvents } from './events.ts'
import type { Work as HandlerWork } from './handler.ts'
import type { QueuedRecord } from './queued-record.ts'
import { Slots } from './slots.ts'
import { StartedWork, type StartedWorkListener } from './started-work.ts'
import type { Work } from './work.ts'

const ignore = (): void => {}

export interface RunningAttemptsContext {
  readonly handler: HandlerWork
  readonly attempts: Attempts
  readonly crashGuard: CrashGuard
  readonly counters: Counters
  readonly events: Emitter<ProcessingEvents>
  readonly clock: Clock
  /** Aborts when nothing more is started. */
  readonly stopped: AbortSignal
  readonly epoch: () => number | undefined
  readonly listener: RunningAttemptsListener
}

export interface RunningAttemptsListener {
  /** Whether attempts can start now: the run is neither paused nor stopped. */
  canStart(): boolean
  /** What is known about these records has changed. */
  progressed(records: readonly QueuedRecord[]): void
  /**
   * Saves the progress of these records. Resolves to false if that has failed, and is still being retried.
   */
  save(records: readonly QueuedRecord[], signal: AbortSignal): Promise<boolean>
  /** The attempts of these records were given back before they started. */
  canceled(work: Work): void
  ended(work: Work, outcome: AttemptOutcome): void
}

/** The attempts that are in progress, or that start once the checkpoint shows them. */
export class RunningAttempts implements StartedWorkListener {
  readonly #context: RunningAttemptsContext
  readonly #running = new Slots<StartedWork>()
  /** The attempts whose handler ignores its signal. */
  readonly #abandoned = new Set<StartedWork>()
  /** Attempts that were to start after a save, during which the run was paused. */
  readonly #postponed: StartedWork[] = []
  #isClosed = false

  constructor(context: RunningAttemptsContext) {
    this.#context = context
  }

  /** The number of attempts that have not ended. */
  get size(): number {
    return this.#running.size
  }

  /** The number of attempts whose handler ignores its signal. */
  get abandonedSize(): number {
    return this.#abandoned.size
  }

  /** Starts an attempt, at once or after a save. */
  start(work: Work): void {
    const { counters, crashGuard, handler, clock, listener } = this.#context
    const { records } = work
    const [first] = records as [QueuedRecord]
    const now = clock.now()
    for (const record of records) {
      record.startAttempt(records.length === 1, now)
      counters.attemptStarted(record.starts)
    }
    if (handler.form === 'batch') counters.batchStarted()
    const started = new StartedWork(work, this)
    started.enter(this.#running.add(started))
    // Without a change, a save would not write that the attempt is running.
    listener.progressed(records)
    const saveFirst = crashGuard.saveFirst(first)
    if (saveFirst === 'no') this.#call(started)
    else void this.#saveAndCall(started, saveFirst === 'required')
  }

  /** Starts the attempts that have waited for the end of a pause. */
  resume(): void {
    while (this.#context.listener.canStart()) {
      const started = this.#postponed.shift()
      if (started === undefined) return
      this.#call(started)
    }
  }

  /** Gives back the attempts that have waited for the end of a pause. */
  cancelPostponed(): void {
    for (const started of this.#postponed.splice(0)) this.#cancel(started)
  }

  abort(reason: unknown): void {
    for (const started of this.#running.values()) started.abort(reason)
  }

  /** Gives back all attempts, and ignores their results. Returns whether there were any. */
  close(): boolean {
    const hadRunning = this.#running.size > 0
    this.#isClosed = true
    for (const { work } of this.#running.values()) for (const record of work.records) record.giveBackAttempt()
    this.#running.clear()
    this.#postponed.length = 0
    return hadRunning
  }

  ended(started: StartedWork, outcome: AttemptOutcome): void {
    if (this.#isClosed) return
    this.#running.remove(started.slot)
    this.#abandoned.delete(started)
    this.#context.listener.ended(started.work, outcome)
  }

  abandoned(started: StartedWork, runningForMs: number): void {
    this.#abandoned.add(started)
    const { records } = started.work
    const { shardId } = records[0] as QueuedRecord
    const sequenceNumbers = records.map(({ delivery }) => delivery.sequenceNumber)
    this.#context.events.emit('handlerAbandoned', { shardId, sequenceNumbers, runningForMs })
  }

  /** Starts an attempt once the checkpoint shows it, so that it is counted if the process ends during it. */
  async #saveAndCall(started: StartedWork, isRequired: boolean): Promise<void> {
    const { crashGuard, listener, stopped } = this.#context
    while (!stopped.aborted) {
      if ((await listener.save(started.work.records, stopped)) || !isRequired) break
    }
    crashGuard.saveEnded()
    if (this.#isClosed) return
    if (stopped.aborted) this.#cancel(started)
    else if (listener.canStart()) this.#call(started)
    else this.#postponed.push(started)
  }

  #call(started: StartedWork): void {
    const { attempts, handler, epoch } = this.#context
    const { records } = started.work
    const isAlone = records.length === 1
    const hasTasks = handler.form === 'tasks'
    const attempted = records.map((record) => ({
      record: record.record,
      attempt: isAlone ? record.attempts : record.attempts + 1,
      firstAttemptAt: record.firstAttemptAt as number,
      finishedTasks: record.doneTasks,
      taskSucceeded: hasTasks ? (task: string) => this.#finishTask(record, task) : ignore,
    }))
    started.attemptStarted(attempts.start(attempted, epoch(), started))
  }

  #finishTask(record: QueuedRecord, task: string): void {
    if (this.#isClosed) return
    record.finishTask(task)
    this.#context.listener.progressed([record])
  }

  /** Gives back an attempt that was not started. */
  #cancel({ work, slot }: StartedWork): void {
    this.#running.remove(slot)
    for (const record of work.records) record.giveBackAttempt()
    this.#context.listener.canceled(work)
  }
}
