import { CallSlots } from '../core/call-slots.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { Attempts } from '../processing/attempt.ts'
import type {
  AttemptOutcome,
  AttemptRecord,
  CallOutcome,
  RecordOutcome,
} from '../processing/attempt-outcome.ts'
import { classifyFailure } from '../processing/classify-failure.ts'
import { combineVerdicts, type Failure, judgeFailure, type Verdict } from '../processing/failure-policy.ts'
import { RecordFilter } from '../processing/record-filter.ts'
import { toFilterEvent } from '../records/filter-event.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { RedriveHandler } from './redrive-handler.ts'

/** What became of a record. */
export type RecordFate =
  | { readonly fate: 'handled' | 'filtered' }
  /** All attempts failed. The error can contain values of the item. */
  | { readonly fate: 'failed'; readonly attempts: number; readonly error: unknown }
  | { readonly fate: 'rejected' | 'invalid'; readonly attempts: number; readonly error?: unknown }
  /** The letter is of a task that the handler does not have, or of a task, and the handler has none. */
  | { readonly fate: 'unknownTask' }
  /** Another consumer may have received the letter. */
  | { readonly fate: 'lost' }
  /** The redrive was stopped before the record was handled. */
  | { readonly fate: 'stopped' }

export interface RecordAttemptsOptions {
  readonly clock: Clock
  readonly random: () => number
  /** How many handler calls run concurrently. Records that wait for a retry do not count. */
  readonly concurrency: number
  /** No attempt starts after it has aborted. Running ones finish. */
  readonly stop: AbortSignal
  /** A handler ignores that it was aborted because of its timeout. */
  readonly abandoned: (record: StreamRecord) => void
}

/** A letter's place in what a redrive has to do. */
export interface RecordTask {
  readonly streamArn: string
  /** The only task that runs, if the handler has tasks; undefined for all of them. */
  readonly task: string | undefined
}

/** One outcome of an attempt that is not a success. */
type FailedOutcome = Exclude<RecordOutcome, { result: 'handled' | 'tasks' }> & { readonly task?: string }

/** Runs the handler with records, each until it succeeds or is given up. */
export class RecordAttempts {
  readonly #handler: RedriveHandler
  readonly #options: RecordAttemptsOptions
  readonly #attempts: Attempts
  readonly #slots: CallSlots

  constructor(handler: RedriveHandler, options: RecordAttemptsOptions) {
    this.#handler = handler
    this.#options = options
    const { schema, handlerTimeoutMs, abandonAfterMs } = handler.options
    const { clock } = options
    this.#attempts = new Attempts(handler.work, { clock, schema, handlerTimeoutMs, abandonAfterMs })
    this.#slots = new CallSlots(options.concurrency)
  }

  /** Stops watching timeouts. */
  close(): void {
    this.#attempts.close()
  }

  /**
   * Runs all attempts of a record.
   *
   * @param load - returns the record, or undefined if the letter is lost. Called once there is a free slot.
   */
  async handle(
    load: () => Promise<StreamRecord | undefined>,
    { streamArn, task }: RecordTask,
  ): Promise<RecordFate> {
    const { clock, stop } = this.#options
    const finished = this.#otherTasks(task)
    if (finished === undefined) return { fate: 'unknownTask' }
    let record: StreamRecord | undefined
    let firstAttemptAt = 0
    let givenUp: RecordFate | undefined
    for (let attempt = 1; ; attempt++) {
      await this.#slots.take()
      let outcomes: readonly FailedOutcome[] | 'filtered'
      try {
        if (stop.aborted) return { fate: 'stopped' }
        record ??= await load()
        if (record === undefined) return { fate: 'lost' }
        if (stop.aborted) return { fate: 'stopped' }
        firstAttemptAt ||= clock.now()
        outcomes = await this.#attempt(
          {
            record,
            attempt,
            firstAttemptAt,
            finishedTasks: [...finished],
            taskSucceeded: (name) => void finished.add(name),
          },
          streamArn,
        )
      } finally {
        this.#slots.release()
      }
      if (outcomes === 'filtered') return { fate: 'filtered' }
      const verdicts = outcomes.map((outcome) =>
        this.#judge(record as StreamRecord, attempt, firstAttemptAt, outcome),
      )
      verdicts.forEach((verdict, index) => {
        const outcome = outcomes[index] as FailedOutcome
        if (verdict.do !== 'giveUp') return
        if (outcome.task !== undefined) finished.add(outcome.task)
        givenUp ??= fateOf(verdict, attempt)
      })
      const { retry } = combineVerdicts(verdicts)
      if (retry === undefined) return givenUp ?? { fate: 'handled' }
      await sleep(clock, retry.delayMs, stop)
    }
  }

  /** The tasks that must not run; undefined if the letter is of a task that the handler does not have. */
  #otherTasks(task: string | undefined): Set<string> | undefined {
    const { work } = this.#handler
    if (task === undefined) return new Set()
    if (work.form !== 'tasks' || !work.tasks.has(task)) return undefined
    return new Set([...work.tasks.keys()].filter((other) => other !== task))
  }

  /** Makes one attempt, and returns its failures. */
  async #attempt(target: AttemptRecord, streamArn: string): Promise<readonly FailedOutcome[] | 'filtered'> {
    const filter = new RecordFilter(this.#handler.options)
    const isExcluded = filter.excludes(target.record, (record, readsImages) =>
      toFilterEvent(record, streamArn, readsImages),
    )
    if (isExcluded === undefined) return [{ result: 'failed', error: filter.error, isReported: false }]
    if (isExcluded) return 'filtered'
    const outcome = await new Promise<AttemptOutcome>((resolve) => {
      this.#attempts.start([target], undefined, {
        ended: resolve,
        abandoned: () => this.#options.abandoned(target.record),
      })
    })
    return failuresOf(outcome)
  }

  #judge(record: StreamRecord, attempt: number, firstAttemptAt: number, outcome: FailedOutcome): Verdict {
    const { clock, random } = this.#options
    const { retry } = this.#handler.options
    const state = {
      attempts: attempt,
      attemptsInRun: attempt,
      wasRunning: false,
      ageStartsAt: record.createdAt.getTime(),
      firstAttemptAt,
      waits: 0,
      queued: 0,
    }
    const now = { wall: clock.now(), monotonic: clock.monotonic() }
    return judgeFailure(state, this.#toFailure(record, attempt, firstAttemptAt, outcome), retry, now, random)
  }

  #toFailure(record: StreamRecord, attempt: number, firstAttemptAt: number, outcome: FailedOutcome): Failure {
    if (outcome.result !== 'failed') return { ...outcome, kind: outcome.result }
    const { error, isReported, task } = outcome
    const context = {
      attempt,
      firstAttemptAt: new Date(firstAttemptAt),
      shardId: record.shardId,
      sequenceNumber: record.sequenceNumber,
      ...(task !== undefined && { task }),
    }
    const view = this.#attempts.viewOf(record)
    const { verdict, delayMs } = classifyFailure(
      error,
      view,
      context,
      this.#handler.options.callbacks,
      isReported,
    )
    // A redrive does not wait for the end of an outage: the letter stays, and can be redriven later.
    return { kind: 'failed', verdict: verdict === 'wait' ? 'retry' : verdict, delayMs, error }
  }
}

function failuresOf(outcome: AttemptOutcome): readonly FailedOutcome[] {
  if (outcome.kind !== 'record') throw new RangeError('The attempt of one record had the outcome of a batch.')
  const result = outcome.outcome
  if (result.result === 'handled') return []
  if (result.result !== 'tasks') return [result]
  return result.tasks.filter(isFailed)
}

function isFailed<Outcome extends CallOutcome>(
  outcome: Outcome,
): outcome is Exclude<Outcome, { result: 'handled' }> {
  return outcome.result !== 'handled'
}

function fateOf(verdict: Extract<Verdict, { do: 'giveUp' }>, attempts: number): RecordFate {
  const { condition, error } = verdict
  if (condition === 'Rejected') return { fate: 'rejected', attempts, error }
  if (condition === 'Invalid') return { fate: 'invalid', attempts }
  return { fate: 'failed', attempts, error }
}
