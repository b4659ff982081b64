import {
  type Failure,
  judgeFailure,
  type Now,
  type ParkPolicy,
  type ParkReason,
  type RecordState,
  type RetryPolicy,
  type Verdict,
} from './failure-policy.ts'

/**
 * Decides what follows a failed attempt, as `judgeFailure` does, and whether the key of the record is parked
 * instead of attempting the record again, or of giving it up.
 */
export function judgeFailureOrPark(
  record: RecordState,
  failure: Failure,
  policy: RetryPolicy,
  now: Now,
  random: () => number,
): Verdict {
  const isRetried = failure.kind === 'failed' && failure.verdict === 'retry'
  const reason = isRetried && policy.park ? reasonToPark(record, policy.park, now) : undefined
  if (reason === undefined) return judgeFailure(record, failure, policy, now, random)
  const unlimited = { ...policy, maxAttempts: Number.POSITIVE_INFINITY }
  const verdict = judgeFailure(record, failure, unlimited, now, random)
  return verdict.do === 'retry' ? { ...verdict, do: 'park', reason } : verdict
}

function reasonToPark(record: RecordState, policy: ParkPolicy, now: Now): ParkReason | undefined {
  const { attempts, firstAttemptAt = now.wall, queued } = record
  if (policy.attempts !== undefined && attempts >= policy.attempts) return 'attempts'
  if (policy.ms !== undefined && now.wall - firstAttemptAt >= policy.ms) return 'ms'
  return policy.queued !== undefined && queued >= policy.queued ? 'queued' : undefined
}

/**
 * Whether the key of a record is parked before its next attempt: the process has ended during the last
 * attempt that it has before its key is parked.
 */
export function isParkedAfterCrash(record: RecordState, policy: RetryPolicy): boolean {
  const limit = policy.park?.attempts
  return limit !== undefined && record.wasRunning && record.attemptsInRun === 0 && record.attempts >= limit
}
