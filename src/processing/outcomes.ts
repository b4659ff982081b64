import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import type { StreamError } from '../core/errors.ts'
import { hashItemKey } from '../records/item-key.ts'
import { toLambdaRecord } from '../records/lambda-record.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { RecordOutcome, TaskOutcome } from './attempt-outcome.ts'
import type { CheckedOptions } from './check-options.ts'
import { classifyFailure } from './classify-failure.ts'
import type { Counters } from './counts.ts'
import { createDeadLetter } from './dead-letter.ts'
import { identifyError } from './error-identity.ts'
import type { ProcessingEvents } from './events.ts'
import {
  combineVerdicts,
  type Failure,
  failureKindOf,
  fateOf,
  type GiveUp,
  type ParkReason,
  type RecordState,
  type Verdict,
} from './failure-policy.ts'
import type { Work as HandlerWork } from './handler.ts'
import { handlerFailed } from './handler-failed.ts'
import { LetterSender } from './letter-sender.ts'
import { judgeFailureOrPark } from './parking-policy.ts'
import type { Disposition } from './planner.ts'
import type { QueuedRecord } from './queued-record.ts'
import type { RecordResult } from './read-outcome.ts'

export interface OutcomesOptions {
  readonly options: CheckedOptions
  readonly handler: HandlerWork
  readonly clock: Clock
  readonly random: () => number
  /** The name of the run, for dead letters. */
  readonly name: string
  readonly streamArn: () => string
  /** The record as the handler receives it. */
  readonly viewOf: (record: StreamRecord) => StreamRecord
  /** The number of records that wait in the lane of an item key. */
  readonly queuedIn: (itemKey: string) => number
  readonly counters: Counters
  readonly events: Emitter<ProcessingEvents>
  readonly listener: OutcomesListener
}

export interface OutcomesListener {
  /** A record was settled. */
  onSettled(): void
  /** A record whose lane was held is settled. */
  onReleased(record: QueuedRecord): void
  /** What is known about a record has changed although it was not settled. */
  onProgress(record: QueuedRecord): void
  /** A call of a destination has ended. */
  onCallEnded(): void
  /** A record was given up and `onFailure` does not say what becomes of it: the run stops. */
  onFatal(error: StreamError<'handler.failed'>): void
}

/** What follows a failure of a record, or of one of its tasks. */
interface Judgement {
  readonly verdict: Verdict
  /** The number of the attempt that has failed. */
  readonly attempt: number
  /** What `retry.classify` or `retry.delayMs` threw, or an error about what it returned. */
  readonly callbackError: unknown
}

const settled: Disposition = 'settled'

/**
 * Carries out what the outcome of an attempt means for a record: settles it, schedules its retry, or gives it
 * up. The only place that settles records.
 */
export class Outcomes {
  readonly #context: OutcomesOptions
  readonly #letters: LetterSender
  #isStopping = false
  #isAborted = false

  constructor(context: OutcomesOptions) {
    this.#context = context
    const { clock, random, events } = context
    this.#letters = new LetterSender({
      clock,
      random,
      onRetry: ({ records }, retry) => {
        const [{ shardId, sequenceNumber }] = records as [(typeof records)[0]]
        events.emit('destinationRetry', { ...retry, shardId, sequenceNumber })
      },
      onCallEnded: () => context.listener.onCallEnded(),
    })
  }

  /** Whether a call of a destination is in progress. */
  get isSending(): boolean {
    return this.#letters.sending > 0
  }

  /** Gives up nothing more, and starts no further call of a destination. */
  stop(): void {
    this.#isStopping = true
    this.#letters.stop()
  }

  /** Attempts that fail from now on were cut short: they are given back. */
  abort(): void {
    this.#isAborted = true
  }

  /** The run is over: dead letters that are accepted from now on change nothing. */
  close(): void {
    this.#isStopping = true
    this.#letters.close()
  }

  /** Whether the run stops, so that nothing more is given up. */
  get isStopping(): boolean {
    return this.#isStopping
  }

  /**
   * The attempt of a record has ended with a result.
   *
   * @param isCutShort - whether the run was stopping when the attempt ended. Another record of the same batch
   * can stop it: then the attempt counts nevertheless.
   */
  apply(record: QueuedRecord, outcome: RecordResult, isCutShort: boolean = this.#isStopping): Disposition {
    switch (outcome.result) {
      case 'handled':
        record.completeAttempt()
        this.#settle(record, 'handled')
        return settled
      case 'repeat':
        record.giveBackAttempt()
        return 'repeat'
      case 'tasks':
        return this.#applyTasks(record, outcome.tasks)
      default: {
        // What would be given up while the run stops is attempted again by the next run.
        if (this.#isAborted || (isCutShort && outcome.result !== 'failed')) {
          if (outcome.result !== 'failed') record.leaveKey()
          record.giveBackAttempt()
          return 'repeat'
        }
        const judgement = this.#judge(record, outcome, record.waits)
        const { verdict } = judgement
        this.#endAttempt(record, verdict.do === 'wait', outcome)
        this.#report(record, outcome, judgement)
        return this.#follow(record, verdict)
      }
    }
  }

  /** A record is in the parking store. */
  park(record: QueuedRecord): void {
    this.#settle(record, 'parked')
  }

  /** A parked record is dropped, as requested, instead of being attempted. */
  drop(record: QueuedRecord): Disposition {
    this.#settle(record, 'discarded')
    return settled
  }

  /** The delay before the parts of a batch that has failed as a whole run, in ms. */
  splitDelayMs(records: readonly QueuedRecord[]): number {
    const { options, random } = this.#context
    const { minDelayMs: baseMs, maxDelayMs: capMs } = options.retry
    const splits = records.reduce((most, record) => Math.max(most, record.splits), 0)
    return backoffMs(Math.min(splits + 1, 32), { baseMs, capMs }, random)
  }

  /** Gives up a record without another attempt. */
  giveUp(record: QueuedRecord, verdict: GiveUp): Disposition {
    const { handler } = this.#context
    if (handler.form !== 'tasks') return this.#giveUpAll(record, verdict, [undefined])
    const done = record.doneTasks
    return this.#giveUpAll(
      record,
      verdict,
      [...handler.tasks.keys()].filter((task) => !done.includes(task)),
    )
  }

  #settle(record: QueuedRecord, fate: Parameters<Counters['settled']>[0]): void {
    record.delivery.settle()
    this.#context.counters.settled(fate)
    this.#context.listener.onSettled()
  }

  // ---- Failures -------------------------------------------------------------------------------------------

  /** What follows a failure of a record, or of a task; asks `classify` and `delayMs`. */
  #judge(
    record: QueuedRecord,
    outcome: Exclude<RecordOutcome, { result: 'handled' | 'tasks' }>,
    waits: number,
    task?: string,
  ): Judgement {
    const { options, clock, random } = this.#context
    const now = { wall: clock.now(), monotonic: clock.monotonic() }
    const { failure, callbackError } = this.#failureOf(record, outcome, task)
    const state = { ...stateOf(record, waits), queued: this.#queuedWith(record) }
    const verdict = judgeFailureOrPark(state, failure, options.retry, now, random)
    return { verdict, attempt: attemptOf(record), callbackError }
  }

  #failureOf(
    record: QueuedRecord,
    outcome: Exclude<RecordOutcome, { result: 'handled' | 'tasks' }>,
    task: string | undefined,
  ): { readonly failure: Failure; readonly callbackError?: unknown } {
    if (outcome.result !== 'failed') {
      const error = 'error' in outcome ? outcome.error : undefined
      return { failure: { kind: outcome.result, reason: outcome.reason, error } }
    }
    const { viewOf } = this.#context
    const { callbacks } = this.#context.options
    const { error, isReported } = outcome
    const context = {
      attempt: attemptOf(record),
      firstAttemptAt: new Date(record.firstAttemptAt ?? this.#context.clock.now()),
      shardId: record.shardId,
      sequenceNumber: record.delivery.sequenceNumber,
      task,
    }
    const { verdict, delayMs, callbackError } = classifyFailure(
      error,
      viewOf(record.record),
      context,
      callbacks,
      isReported,
    )
    return { failure: { kind: 'failed', verdict, delayMs, error }, callbackError }
  }

  /** The number of records of its key that wait, with the record itself. */
  #queuedWith({ itemKey }: QueuedRecord): number {
    return itemKey === undefined ? 0 : this.#context.queuedIn(itemKey) + 1
  }

  #endAttempt(record: QueuedRecord, isWaiting: boolean, outcome: RecordOutcome): void {
    const hasFailed = outcome.result === 'failed'
    const failure = {
      error: hasFailed ? identifyError(outcome.error) : undefined,
      isReported: hasFailed && outcome.isReported,
      thrown: thrownBy(outcome),
      at: this.#context.clock.now(),
    }
    if (isWaiting) record.waitAfterAttempt(failure)
    else record.failAttempt(failure)
    this.#context.listener.onProgress(record)
  }

  #report(record: QueuedRecord, outcome: RecordOutcome, judgement: Judgement, task?: string): void {
    const { events } = this.#context
    const { verdict, attempt, callbackError } = judgement
    events.emit('attemptFailed', {
      ...identify(record),
      ...(task !== undefined && { task }),
      attempt,
      error: outcome.result === 'failed' ? outcome.error : undefined,
      verdict: verdict.do,
      delayMs: verdict.do === 'retry' || verdict.do === 'wait' ? verdict.delayMs : undefined,
      ...(callbackError !== undefined && { callbackError }),
    })
  }

  #follow(record: QueuedRecord, verdict: Verdict): Disposition {
    if (verdict.do === 'park') return this.#retry(record, verdict.at, verdict.reason)
    if (verdict.do !== 'giveUp') return { retryAt: verdict.at }
    return this.#giveUpAll(record, verdict, [undefined])
  }

  /** While the run stops, or waits for a dead letter of one of the record's tasks, its key is not parked. */
  #retry(record: QueuedRecord, retryAt: number, park: ParkReason | undefined): Disposition {
    return { retryAt, park: this.#isStopping || record.hasOpenLetters ? undefined : park }
  }

  // ---- Tasks ----------------------------------------------------------------------------------------------

  #applyTasks(record: QueuedRecord, outcomes: readonly TaskOutcome[]): Disposition {
    const waits = record.waits
    const failed: { readonly outcome: TaskOutcome; readonly judgement: Judgement }[] = []
    for (const outcome of outcomes) {
      if (outcome.result === 'handled') record.finishTask(outcome.task)
      else {
        record.failTask(outcome.task, thrownBy(outcome))
        failed.push({ outcome, judgement: this.#judge(record, outcome, waits, outcome.task) })
      }
    }
    const { counts, retry, park } = combineVerdicts(failed.map(({ judgement }) => judgement.verdict))
    if (failed.length > 0 && this.#isAborted) {
      record.giveBackAttempt()
      return 'repeat'
    }
    if (failed.length === 0) record.completeAttempt()
    else this.#endAttempt(record, !counts, failed[0]?.outcome as RecordOutcome)
    for (const { outcome, judgement } of failed) {
      const { verdict } = judgement
      this.#report(record, outcome, judgement, outcome.task)
      if (verdict.do === 'giveUp' && !this.#isStopping) this.#giveUpOne(record, verdict, outcome.task)
    }
    return this.#afterGivingUp(record, retry, park)
  }

  // ---- Giving up ------------------------------------------------------------------------------------------

  #giveUpAll(record: QueuedRecord, verdict: GiveUp, tasks: readonly (string | undefined)[]): Disposition {
    if (!this.#isStopping) for (const task of tasks) this.#giveUpOne(record, verdict, task)
    return this.#afterGivingUp(record, undefined)
  }

  /** Continues after a record, or some of its tasks, may have been given up. */
  #afterGivingUp(
    record: QueuedRecord,
    retry: { readonly at: number } | undefined,
    park?: ParkReason,
  ): Disposition {
    if (this.#isStopping) {
      if (!this.#hasUnfinished(record)) return this.#settleGivenUp(record)
      record.leaveKey()
      return 'repeat'
    }
    if (retry !== undefined) return this.#retry(record, retry.at, park)
    if (!record.hasOpenLetters) return this.#settleGivenUp(record)
    record.giveUp()
    return 'givenUp'
  }

  /** While the run stops, what was to be given up stays unsettled, and is attempted again by the next run. */
  #hasUnfinished(record: QueuedRecord): boolean {
    const { handler } = this.#context
    if (record.hasOpenLetters || handler.form !== 'tasks') return true
    return [...handler.tasks.keys()].some((task) => !record.finishedTasks.includes(task))
  }

  #settleGivenUp(record: QueuedRecord): Disposition {
    this.#settle(record, record.fate ?? 'handled')
    return settled
  }

  #giveUpOne(record: QueuedRecord, verdict: GiveUp, task: string | undefined): void {
    const { options, events, listener } = this.#context
    const target = options.onFailure[failureKindOf(verdict.condition)]
    if (target === 'stop') {
      this.#isStopping = true
      listener.onFatal(handlerFailed(record, verdict, options.onFailure))
      return
    }
    const report = { ...identify(record), condition: verdict.condition, ...(task !== undefined && { task }) }
    if (target === 'discard') {
      record.noteFate('discarded')
      if (task !== undefined) record.finishTask(task)
      events.emit('discarded', report)
      return
    }
    record.noteFate(fateOf(verdict.condition))
    record.letterStarted()
    if (task !== undefined) record.giveUpTask(task)
    this.#letters.send({
      letter: this.#createLetter(record, verdict, task),
      destination: target,
      onAccepted: () => {
        record.letterAccepted()
        if (task !== undefined) record.finishTask(task)
        events.emit('deadLettered', report)
        if (record.isGivenUp && !record.hasOpenLetters) {
          this.#settleGivenUp(record)
          listener.onReleased(record)
        } else listener.onProgress(record)
      },
    })
  }

  #createLetter(record: QueuedRecord, verdict: GiveUp, task: string | undefined) {
    const { clock, name, streamArn } = this.#context
    const now = clock.now()
    return createDeadLetter({
      record: record.record,
      lambdaRecord: () => toLambdaRecord(record.record, streamArn()),
      condition: verdict.condition,
      reason: verdict.reason,
      // A record that is too old is given up before an attempt: what counts is the error of the last one.
      ...('error' in verdict ? { error: verdict.error } : record.lastThrown(task)),
      isReported: record.isReported,
      attempts: record.attempts,
      firstFailedAt: record.firstFailedAt ?? record.firstAttemptAt ?? now,
      lastFailedAt: record.lastFailedAt ?? record.firstAttemptAt ?? now,
      task,
      name,
      streamArn: streamArn(),
    })
  }
}

function thrownBy(outcome: RecordOutcome): { readonly error: unknown } | undefined {
  return outcome.result === 'failed' && !outcome.isReported ? { error: outcome.error } : undefined
}

/** The state of a record for the failure policy, with the attempt that has just failed. */
function stateOf(record: QueuedRecord, waits: number): Omit<RecordState, 'queued'> {
  return {
    attempts: attemptOf(record),
    attemptsInRun: record.attemptsInRun + 1,
    wasRunning: record.wasRunning,
    ageStartsAt: record.ageStartsAt,
    firstAttemptAt: record.firstAttemptAt,
    waits,
  }
}

/** The number of the attempt that has just ended. */
function attemptOf(record: QueuedRecord): number {
  return record.isCounted ? record.attempts : record.attempts + 1
}

function identify({ record, shardId, delivery }: QueuedRecord) {
  return { shardId, sequenceNumber: delivery.sequenceNumber, keyHash: hashItemKey(record.itemKey) }
}
