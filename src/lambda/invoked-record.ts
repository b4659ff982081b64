import type { AttemptRecord, RecordOutcome } from '../processing/attempt-outcome.ts'
import type { LetterInput } from '../processing/dead-letter.ts'
import type { RecordState } from '../processing/failure-policy.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { EventRecord } from './lambda-event.ts'

/** What an attempt, or a task of it, has thrown; undefined if it has not thrown. */
type Thrown = { readonly error: unknown } | undefined

type FailureHistory = Pick<
  LetterInput,
  'error' | 'isReported' | 'attempts' | 'firstFailedAt' | 'lastFailedAt'
>

/** A record of an invocation, with its attempts and what has been done for it. */
export class InvokedRecord implements RecordState {
  readonly record: StreamRecord
  /** The record as it is in the event. */
  readonly source: object
  /** Records of the same lane are handled in order, one at a time. */
  readonly laneKey: string
  /** Lambda does not reveal whether an earlier invocation has ended during an attempt. */
  readonly wasRunning = false
  /** Keys are not parked in Lambda. */
  readonly queued = 0
  readonly #finishedTasks: string[] = []
  readonly #thrown = new Map<string | undefined, Thrown>()
  #attempts = 0
  #attemptsInRun = 0
  #waits = 0
  #firstAttemptAt: number | undefined
  #firstFailedAt: number | undefined
  #lastFailedAt: number | undefined
  #isReported = false
  #mustFilter = false
  #isSettled = false

  constructor({ record, source }: EventRecord, laneKey: string) {
    this.record = record
    this.source = source
    this.laneKey = laneKey
  }

  get sequenceNumber(): string {
    return this.record.sequenceNumber
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** The attempts that count: also one in progress, or one that has just failed. */
  get attempts(): number {
    return this.#attempts
  }

  /** The attempts whose outcome is known, whether or not they count. */
  get attemptsInRun(): number {
    return this.#attemptsInRun
  }

  get finishedTasks(): readonly string[] {
    return this.#finishedTasks
  }

  /** Whether the filter has thrown, so that it decides again before the record's next attempt. */
  get mustFilter(): boolean {
    return this.#mustFilter
  }

  /** When the first attempt started, in ms since 1970; undefined before that. */
  get firstAttemptAt(): number | undefined {
    return this.#firstAttemptAt
  }

  get ageStartsAt(): number {
    return this.record.createdAt.getTime()
  }

  /** How many attempts in a row had the verdict `'wait'`. */
  get waits(): number {
    return this.#waits
  }

  /** What a dead letter says about the failures of the record, or of a task of it. */
  failuresOf(task: string | undefined, now: number): FailureHistory {
    const firstFailedAt = this.#firstFailedAt ?? now
    return {
      error: this.#thrown.get(task)?.error,
      isReported: this.#isReported,
      attempts: this.#attempts,
      firstFailedAt: firstFailedAt,
      lastFailedAt: this.#lastFailedAt ?? firstFailedAt,
    }
  }

  filterLater(): void {
    this.#mustFilter = true
  }

  /** An attempt starts; the record is alone in it, or one of a batch. */
  startAttempt(isAlone: boolean, now: number): AttemptRecord {
    if (isAlone) this.#attempts++
    this.#firstAttemptAt ??= now
    return {
      record: this.record,
      attempt: this.#attempts + (isAlone ? 0 : 1),
      firstAttemptAt: this.#firstAttemptAt,
      finishedTasks: this.#finishedTasks,
      taskSucceeded: () => {},
    }
  }

  /** The record failed in a batch, and was named: that is an attempt of its own. */
  countAttempt(): void {
    this.#attempts++
  }

  /** The attempt, or one of its tasks, has failed at `now`, in ms since 1970. */
  fail(outcome: Exclude<RecordOutcome, { result: 'tasks' }>, task: string | undefined, now: number): void {
    const hasThrown = outcome.result === 'failed' && !outcome.isReported
    this.#thrown.set(task, hasThrown ? { error: outcome.error } : undefined)
    this.#isReported = outcome.result === 'failed' && outcome.isReported
    this.#firstFailedAt ??= now
    this.#lastFailedAt = now
  }

  /** The outcome of an attempt that has failed is known. */
  endAttempt(counts: boolean): void {
    this.#attemptsInRun++
    this.#waits = counts ? 0 : this.#waits + 1
    if (!counts) this.#attempts--
  }

  finishTask(task: string): void {
    this.#finishedTasks.push(task)
  }

  settle(): void {
    this.#isSettled = true
  }
}
