import { backoffMs } from '../core/backoff.ts'
import { CallSlots } from '../core/call-slots.ts'
import type { DeadLetter } from '../destinations/destination.ts'
import { callHandler } from '../processing/attempt-calls.ts'
import type { BatchOutcome, RecordOutcome } from '../processing/attempt-outcome.ts'
import { AttemptScope } from '../processing/attempt-scope.ts'
import { classifyFailure } from '../processing/classify-failure.ts'
import { createDeadLetter } from '../processing/dead-letter.ts'
import {
  combineVerdicts,
  failureKindOf,
  type GiveUp,
  judgeAge,
  judgeFailure,
  type Now,
  type Verdict,
} from '../processing/failure-policy.ts'
import type { Work } from '../processing/handler.ts'
import type { DestinationObject } from '../processing/on-failure.ts'
import { type RecordResult, readBatchOutcome } from '../processing/read-outcome.ts'
import { RecordFilter } from '../processing/record-filter.ts'
import { RecordValidator } from '../processing/schema.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { CheckedLambdaOptions } from './check-options.ts'
import type { FailureLog } from './failure-log.ts'
import type { InvokedRecord } from './invoked-record.ts'
import { type Lane, lanesOf } from './lanes.ts'
import type { Lifetime } from './lifetime.ts'

/** What identifies an invocation in dead letters. */
export interface InvocationIdentity {
  readonly name: string
  readonly functionArn: string | undefined
  readonly streamArn: string
}

/** What follows for a record. */
export type Next =
  | 'settled'
  /** It is reported to Lambda, and no later record of its lane is attempted. */
  | 'reported'
  /** It runs again, because another record of its batch has failed. */
  | 'repeat'
  | { readonly retryAt: number }

export interface AttemptResult {
  /** Whether the batch must be split, because it is not known which of its records has failed. */
  readonly isSplit: boolean
  readonly next: ReadonlyMap<InvokedRecord, Next>
  /** What the handler has thrown for all records. */
  readonly error?: unknown
}

type Outcome = RecordOutcome | BatchOutcome

/** How a record, or one of its tasks, has failed. */
type FailedOutcome = Exclude<RecordOutcome, { result: 'handled' | 'tasks' }>

/** How many dead letters are sent at the same time. */
const MAX_SENDING = 16

/** The delay before a failed send is repeated, with full jitter. */
const SEND_RETRY = { baseMs: 200, capMs: 10_000 } as const

/**
 * The attempts of an invocation: calls the handler, and decides what follows for each record. The decisions
 * are those of `processStream`; what a run does later, such as a retry after the next start, is left to
 * Lambda.
 */
export class RecordAttempts {
  readonly #options: CheckedLambdaOptions
  readonly #identity: InvocationIdentity
  readonly #lifetime: Lifetime
  readonly #log: FailureLog
  readonly #work: Work
  readonly #validator: RecordValidator | undefined
  readonly #filter: RecordFilter
  readonly #slots: CallSlots
  readonly #sendSlots = new CallSlots(MAX_SENDING)
  /** The calls of the handler that have not ended. */
  readonly #running = new Map<AttemptScope, () => void>()
  #isAborted = false
  #isFatal = false

  constructor(
    work: Work,
    options: CheckedLambdaOptions,
    identity: InvocationIdentity,
    lifetime: Lifetime,
    log: FailureLog,
  ) {
    this.#options = options
    this.#identity = identity
    this.#lifetime = lifetime
    this.#log = log
    this.#work = work
    this.#validator = options.schema && new RecordValidator(options.schema)
    this.#filter = new RecordFilter(options)
    this.#slots = new CallSlots(options.concurrency)
  }

  /** Whether a failure was fatal, so that the mapping is to be disabled. */
  get isFatal(): boolean {
    return this.#isFatal
  }

  /** Settles the record if it is filtered out. */
  filter(record: InvokedRecord): void {
    const excluded = this.#filter.excludes(record.record, () => record.source)
    if (excluded === true) record.settle()
    else if (excluded === undefined) record.filterLater()
  }

  /**
   * Attempts records once the handler may be called: one, or several of a batch. Those that have become too
   * old since their last attempt are given up instead.
   */
  async attempt(records: readonly InvokedRecord[]): Promise<AttemptResult> {
    const next = new Map<InvokedRecord, Next>()
    const left = await this.#giveUpAged(records, next)
    if (left.length === 0) return { isSplit: false, next }
    await this.#slots.take()
    let outcome: Outcome | undefined
    try {
      if (!this.#lifetime.isStopping) outcome = await this.#call(left)
    } finally {
      this.#slots.release()
    }
    if (outcome !== undefined) {
      return { isSplit: await this.#follow(left, outcome, next), next, error: Reflect.get(outcome, 'error') }
    }
    for (const record of left) next.set(record, 'reported')
    return { isSplit: false, next }
  }

  /** Returns the records that are not given up, nor behind one that is reported because it cannot be. */
  async #giveUpAged(
    records: readonly InvokedRecord[],
    next: Map<InvokedRecord, Next>,
  ): Promise<InvokedRecord[]> {
    const left: InvokedRecord[] = []
    const blocked = new Set<string>()
    for (const record of records) {
      const aged = record.attemptsInRun > 0 ? judgeAge(record, this.#options.retry, this.#now) : undefined
      if (aged === undefined && !blocked.has(record.laneKey)) left.push(record)
      else {
        const what = aged === undefined ? 'reported' : await this.#giveUpAll(record, aged)
        next.set(record, what)
        if (what === 'reported') blocked.add(record.laneKey)
      }
    }
    return left
  }

  /** Aborts the handlers that run: what fails from now on was cut short. */
  abort(reason: unknown): void {
    this.#isAborted = true
    for (const [scope, cancelTimer] of this.#running) {
      cancelTimer()
      scope.abort(reason)
    }
  }

  async #call(records: readonly InvokedRecord[]): Promise<Outcome> {
    const isAlone = records.length === 1
    const now = this.#options.clock.now()
    const targets = records.map((record) => record.startAttempt(isAlone, now))
    const [first] = records as [InvokedRecord]
    if (first.mustFilter) {
      const excluded = this.#filter.excludes(first.record, () => first.source)
      if (excluded === true) return { result: 'handled' }
      if (excluded === undefined) return { result: 'failed', error: this.#filter.error, isReported: false }
    }
    const scope = new AttemptScope(undefined)
    const { handlerTimeoutMs: limitMs } = this.#options
    const cancelTimer = limitMs
      ? this.#options.clock.setTimer(limitMs, () => scope.timeOut(limitMs))
      : () => {}
    this.#running.set(scope, cancelTimer)
    const outcome = await callHandler(this.#work, this.#validator, targets, scope)
    this.#running.delete(scope)
    cancelTimer()
    return outcome
  }

  /** Notes what follows for each record. Returns whether the batch must be split. */
  async #follow(
    records: readonly InvokedRecord[],
    outcome: Outcome,
    next: Map<InvokedRecord, Next>,
  ): Promise<boolean> {
    const [first] = records as [InvokedRecord]
    if (!('kind' in outcome)) {
      next.set(first, await this.#followRecord(first, outcome))
      return false
    }
    if (outcome.kind === 'batchFailed' && this.#isFatalFailure(first, outcome.error)) {
      for (const record of records) next.set(record, this.report(record, outcome.error))
      return false
    }
    const lanes = lanesOf(records)
    const { isSplit, results } = readBatchOutcome(lanes, outcome)
    const followLane = async (lane: Lane): Promise<void> => {
      // One after the other, so that the dead letters of an item are sent in order.
      for (const record of lane.records) {
        const result = results.get(record) as RecordResult
        next.set(record, await this.#followInBatch(record, result))
      }
    }
    await Promise.all(lanes.map(followLane))
    return isSplit
  }

  async #followInBatch(record: InvokedRecord, result: RecordResult): Promise<Next> {
    if (result.result === 'repeat') return 'repeat'
    // It was named, which is an attempt of its own.
    if (result.result !== 'handled') record.countAttempt()
    return this.#followRecord(record, result)
  }

  /** A record without tasks is treated like one with a single task, which has no name. */
  async #followRecord(record: InvokedRecord, outcome: RecordOutcome): Promise<Next> {
    const outcomes = outcome.result === 'tasks' ? outcome.tasks : [{ ...outcome, task: undefined }]
    const failed: { readonly task: string | undefined; readonly verdict: Verdict }[] = []
    let error: unknown
    for (const { task, ...result } of outcomes) {
      if (result.result === 'handled') {
        if (task !== undefined) record.finishTask(task)
        continue
      }
      if (this.#isAborted) return 'reported'
      record.fail(result, task, this.#options.clock.now())
      if (result.result === 'failed') {
        error = result.error
        if (!result.isReported) this.#isFatalFailure(record, error)
      }
      failed.push({ task, verdict: this.#judge(record, result, task) })
    }
    if (failed.length === 0) return settle(record)
    const { counts, retry } = combineVerdicts(failed.map(({ verdict }) => verdict))
    record.endAttempt(counts)
    if (this.#isFatal) return this.report(record, error)
    for (const { task, verdict } of failed) {
      if (verdict.do === 'giveUp' && !(await this.#giveUp(record, verdict, task))) return 'reported'
    }
    if (retry === undefined) return settle(record)
    if (this.#isRetriedByLambda(record, retry.at)) return this.report(record, error)
    return { retryAt: retry.at }
  }

  /** Notes whether a failure is fatal: then nothing more is started, and nothing is given up. */
  #isFatalFailure(record: InvokedRecord, error: unknown): boolean {
    const { disableMapping } = this.#options
    if (disableMapping === undefined || this.#isAborted) return false
    try {
      const decision: unknown = disableMapping.when(error, this.#viewOf(record))
      if (decision instanceof Promise) decision.catch(() => {})
      this.#isFatal ||= decision === true
    } catch (thrown) {
      this.#log.warn('disableMapping.when has thrown; the failure is not fatal.', thrown)
    }
    if (this.#isFatal) this.#lifetime.stop()
    return this.#isFatal
  }

  #judge(record: InvokedRecord, outcome: FailedOutcome, task: string | undefined): Verdict {
    const { retry, random } = this.#options
    const now = this.#now
    if (outcome.result !== 'failed') {
      const failure = { kind: outcome.result, reason: outcome.reason, error: Reflect.get(outcome, 'error') }
      return judgeFailure(record, failure, retry, now, random)
    }
    const { error, isReported } = outcome
    const { attempts: attempt, firstAttemptAt = now.wall, sequenceNumber } = record
    const context = {
      attempt,
      firstAttemptAt: new Date(firstAttemptAt),
      shardId: record.record.shardId,
      sequenceNumber,
      task,
    }
    const view = this.#viewOf(record)
    const { verdict, delayMs } = classifyFailure(error, view, context, this.#options.callbacks, isReported)
    return judgeFailure(record, { kind: 'failed', verdict, delayMs, error }, retry, now, random)
  }

  get #now(): Now {
    return { wall: this.#options.clock.now(), monotonic: this.#options.clock.monotonic() }
  }

  /** The record as the handler receives it. */
  #viewOf({ record }: InvokedRecord): StreamRecord {
    return this.#validator?.viewOf(record) ?? record
  }

  /** Whether a failed record is left to Lambda instead of being attempted again in this invocation. */
  #isRetriedByLambda({ attemptsInRun }: InvokedRecord, retryAt: number): boolean {
    const { reportsExhausted, retry } = this.#options
    if (reportsExhausted && attemptsInRun >= retry.maxAttempts) return true
    return this.#lifetime.isStopping || !this.#lifetime.includes(retryAt)
  }

  /** Lambda invokes the function again with the record and all later ones. */
  report(record: InvokedRecord, error: unknown): 'reported' {
    this.#log.reported(record, error)
    if (this.#options.onFirstFailure === 'stop') this.#lifetime.stop()
    return 'reported'
  }

  // ---- Giving up ------------------------------------------------------------------------------------------

  async #giveUpAll(record: InvokedRecord, verdict: GiveUp): Promise<Next> {
    const work = this.#work
    for (const task of work.form === 'tasks' ? work.tasks.keys() : [undefined]) {
      const isFinished = task !== undefined && record.finishedTasks.includes(task)
      if (!isFinished && !(await this.#giveUp(record, verdict, task))) return 'reported'
    }
    return settle(record)
  }

  /** Gives up a record, or a task of it. Returns false if it is reported to Lambda instead. */
  async #giveUp(record: InvokedRecord, verdict: GiveUp, task: string | undefined): Promise<boolean> {
    const { onFailure, reportsExhausted } = this.#options
    const { condition } = verdict
    const target = onFailure[failureKindOf(condition)]
    if (target === 'stop' || (reportsExhausted && condition === 'RetryAttemptsExhausted')) {
      this.report(record, verdict.error)
      return false
    }
    if (target !== 'discard') {
      const now = this.#options.clock.now()
      const letter = createDeadLetter({
        ...record.failuresOf(task, now),
        ...('error' in verdict && { error: verdict.error }),
        ...this.#identity,
        record: record.record,
        lambdaRecord: () => record.source,
        condition,
        reason: verdict.reason,
        task,
      })
      if (!(await this.#send(target, letter, record))) return false
    }
    this.#log.givenUp(record, condition, task)
    if (task !== undefined) record.finishTask(task)
    return true
  }

  /** Sends a dead letter until it is accepted, or the invocation stops. */
  async #send(target: DestinationObject, letter: DeadLetter, record: InvokedRecord): Promise<boolean> {
    for (let failures = 1; ; failures++) {
      await this.#sendSlots.take()
      try {
        if (this.#lifetime.isStopping) return false
        await target.send(letter)
        return true
      } catch (error) {
        this.#log.notSent(record, error)
      } finally {
        this.#sendSlots.release()
      }
      const delayMs = backoffMs(Math.min(failures, 32), SEND_RETRY, this.#options.random)
      if (!(await this.#lifetime.waitUntil(this.#options.clock.monotonic() + delayMs))) return false
    }
  }
}

function settle(record: InvokedRecord): 'settled' {
  record.settle()
  return 'settled'
}
