import { backoffMs } from '../core/backoff.ts'
import type { DeadLetterCondition } from '../destinations/destination.ts'
import type { GivenUpFate } from './counts.ts'

/** The retry options, checked. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly minDelayMs: number
  readonly maxDelayMs: number
  readonly maxRecordAgeMs: number | undefined
  /** When keys are parked; undefined: never. */
  readonly park: ParkPolicy | undefined
  /** Whether `onFailure` says what happens to records whose attempts are used up. Otherwise the run stops. */
  readonly canGiveUpExhausted: boolean
}

/** When the key of a record that fails is parked: as soon as one of these is reached. */
export interface ParkPolicy {
  /** The attempts that count. */
  readonly attempts: number | undefined
  /** The time since the first attempt, in ms. */
  readonly ms: number | undefined
  /** The number of records of the key that wait, with the one that has failed. */
  readonly queued: number | undefined
}

/** Why a key was parked: which threshold was reached, or that the process ended during the last attempt. */
export type ParkReason = 'attempts' | 'ms' | 'queued' | 'workerLost'

/** What the policy needs to know about a record that has failed, or is about to be attempted. */
export interface RecordState {
  /**
   * The attempts that count: those of earlier runs, and one that is running or has just failed; without those
   * that were given back.
   */
  readonly attempts: number
  /**
   * The attempts that this run has started and whose outcome it has seen, whether they count or not. One that
   * has just failed is included, one that is about to start is not. Attempts as part of a batch that threw
   * are not included, because they say nothing about the record.
   */
  readonly attemptsInRun: number
  /** Whether the loaded token shows an attempt as running, so that a worker was lost during it. */
  readonly wasRunning: boolean
  /** From when its age counts, in ms since 1970: see {@link QueuedRecord.ageStartsAt}. */
  readonly ageStartsAt: number
  /** When its first attempt started, in ms since 1970; undefined before the first one. */
  readonly firstAttemptAt: number | undefined
  /** How many `'wait'` verdicts the record has had in this run since it last had another outcome. */
  readonly waits: number
  /** The number of records of its key that wait, with itself; 0 if that is not known. */
  readonly queued: number
}

/** The present, on the two clocks: ages are measured with the wall clock, delays with the monotonic one. */
export interface Now {
  /** Ms since 1970, as close to the time of the service as is known. */
  readonly wall: number
  readonly monotonic: number
}

/** A failed attempt, with the results of the user's callbacks. */
export type Failure =
  | {
      readonly kind: 'failed'
      readonly verdict: 'retry' | 'reject' | 'wait'
      /** The delay that `delayMs` returned; undefined for the default. */
      readonly delayMs: number | undefined
      readonly error?: unknown
    }
  | { readonly kind: 'rejected' | 'invalid'; readonly reason: string; readonly error?: unknown }

/** The record is given up: it goes to the destination for its condition, or the run stops. */
export interface GiveUp {
  readonly do: 'giveUp'
  readonly condition: DeadLetterCondition
  /**
   * For the dead letter. Never for events: the reason of a handler or a validator can contain item values.
   */
  readonly reason: string
  readonly error?: unknown
}

/** What follows a failed attempt. */
export type Verdict =
  /** The next attempt starts at `at`, on the monotonic clock, `delayMs` from now. */
  | { readonly do: 'retry'; readonly at: number; readonly delayMs: number }
  /** The same, and the failed attempt does not count. */
  | { readonly do: 'wait'; readonly at: number; readonly delayMs: number }
  /** Its key is parked. If that is not possible now, the next attempt starts at `at`. */
  | { readonly do: 'park'; readonly reason: ParkReason; readonly at: number; readonly delayMs: number }
  | GiveUp

/** Whether an attempt may start. */
export type StartVerdict =
  | {
      readonly do: 'start'
      /**
       * Whether a checkpoint that counts this attempt must be saved before it starts. Otherwise a record that
       * kills the process would never use up its attempts.
       */
      readonly saveFirst: boolean
    }
  | GiveUp

/** Doubling a delay more often than this does not change it, because it has reached any maximum. */
const MAX_DOUBLINGS = 64

/**
 * Decides what follows a failed attempt of a record, or of one of its tasks, if its key is not parked: see
 * `judgeFailureOrPark`.
 *
 * A record is never given up by age here, but before its next attempt, which is due no later than when the
 * record reaches the maximum age.
 */
export function judgeFailure(
  record: RecordState,
  failure: Failure,
  policy: RetryPolicy,
  now: Now,
  random: () => number,
): Verdict {
  if (failure.kind !== 'failed') {
    const condition = failure.kind === 'rejected' ? 'Rejected' : 'Invalid'
    return giveUp(condition, failure.reason, failure.error)
  }
  const { verdict, delayMs, error } = failure
  if (verdict === 'reject') return giveUp('Rejected', "retry.classify returned 'reject'.", error)
  if (verdict === 'wait') {
    return {
      do: 'wait',
      ...next(record, policy, now, delayMs ?? delayAfter(record.waits + 1, policy, random)),
    }
  }
  const retry = next(record, policy, now, delayMs ?? delayAfter(record.attempts, policy, random))
  if (record.attempts >= policy.maxAttempts) {
    return giveUp('RetryAttemptsExhausted', exhaustedReason(record, policy), error)
  }
  return { do: 'retry', ...retry }
}

/**
 * Decides whether the next attempt of a record may start. `record.attempts` does not include it yet.
 *
 * Every record has at least one attempt in each run before it is given up, so that a fix that was deployed
 * takes effect, and so that there is an error to report. The exception is a record that may be what ended the
 * process that attempted it last: once its attempts are used up, it is given up without another one.
 */
export function judgeBeforeAttempt(record: RecordState, policy: RetryPolicy, now: Now): StartVerdict {
  if (record.attemptsInRun === 0) {
    const isLost = record.wasRunning && record.attempts >= policy.maxAttempts && policy.canGiveUpExhausted
    if (isLost) return giveUp('WorkerLost', workerLostReason(record, policy))
    return { do: 'start', saveFirst: record.wasRunning }
  }
  return judgeAge(record, policy, now) ?? { do: 'start', saveFirst: false }
}

/** Gives up a record that is too old for another attempt. */
export function judgeAge(
  { ageStartsAt }: Pick<RecordState, 'ageStartsAt'>,
  { maxRecordAgeMs }: Pick<RetryPolicy, 'maxRecordAgeMs'>,
  now: Now,
): GiveUp | undefined {
  if (maxRecordAgeMs === undefined || now.wall - ageStartsAt < maxRecordAgeMs) return undefined
  return giveUp('RecordAgeExceeded', `The record is older than ${maxRecordAgeMs} ms.`)
}

/** What the verdicts on the failed tasks of a record mean for the record. */
export interface CombinedVerdict {
  /** Whether the attempt counts: at least one of its tasks failed with another verdict than `'wait'`. */
  readonly counts: boolean
  /** When the unfinished tasks run again: once the longest delay is over. Undefined if none of them does. */
  readonly retry: { readonly at: number; readonly delayMs: number } | undefined
  /** Why the key is parked; undefined if it is not. */
  readonly park: ParkReason | undefined
}

/** Combines the verdicts on the tasks of a record, which are retried together. */
export function combineVerdicts(verdicts: readonly Verdict[]): CombinedVerdict {
  let retry: CombinedVerdict['retry']
  let counts = false
  let park: CombinedVerdict['park']
  for (const verdict of verdicts) {
    if (verdict.do !== 'wait') counts = true
    if (verdict.do === 'park') park = verdict.reason
    if (verdict.do === 'giveUp' || (retry !== undefined && retry.at >= verdict.at)) continue
    retry = { at: verdict.at, delayMs: verdict.delayMs }
  }
  return { counts, retry, park }
}

/** Returns which counter of the summary a record that was given up belongs to. */
export function fateOf(condition: DeadLetterCondition): GivenUpFate {
  return FATES[condition]
}

/** Returns which member of `onFailure` applies to a condition. */
export function failureKindOf(condition: DeadLetterCondition): 'exhausted' | 'rejected' | 'invalid' {
  if (condition === 'Rejected') return 'rejected'
  return condition === 'Invalid' ? 'invalid' : 'exhausted'
}

const FATES: Readonly<Record<DeadLetterCondition, GivenUpFate>> = {
  RetryAttemptsExhausted: 'exhausted',
  RecordAgeExceeded: 'aged',
  Rejected: 'rejected',
  Invalid: 'invalid',
  WorkerLost: 'workerLost',
}

function delayAfter(failures: number, policy: RetryPolicy, random: () => number): number {
  const { minDelayMs: baseMs, maxDelayMs: capMs } = policy
  return backoffMs(Math.min(failures, MAX_DOUBLINGS), { baseMs, capMs }, random)
}

function next(record: RecordState, policy: RetryPolicy, now: Now, wantedMs: number) {
  const { maxRecordAgeMs = Number.POSITIVE_INFINITY } = policy
  const remainingMs = Math.max(0, record.ageStartsAt + maxRecordAgeMs - now.wall)
  const delayMs = Math.min(wantedMs, remainingMs)
  return { at: now.monotonic + delayMs, delayMs }
}

function giveUp(condition: DeadLetterCondition, reason: string, error?: unknown): GiveUp {
  return error === undefined
    ? { do: 'giveUp', condition, reason }
    : { do: 'giveUp', condition, reason, error }
}

function exhaustedReason({ attempts }: RecordState, { maxAttempts }: RetryPolicy): string {
  return `Attempt ${attempts} failed; retry.maxAttempts is ${maxAttempts}.`
}

function workerLostReason({ attempts }: RecordState, { maxAttempts }: RetryPolicy): string {
  return `The process ended during attempt ${attempts}; retry.maxAttempts is ${maxAttempts}.`
}
