import { CALL_TIMEOUT_MS, LONGEST_RETRY_DELAY_MS } from './retry.ts'

/** How long the calls of a shard may fail, in ms, before other shards no longer wait for it. */
export const STALLED_AFTER_MS: number = 60_000

/**
 * The maximum time between two consecutive failures of a call that is being retried, in ms: the time limit of
 * a call plus the longest delay, plus a margin. After a longer interval, the process may have been suspended,
 * or the consumer idle, so the calls may not have been failing throughout.
 */
const LONGEST_BETWEEN_FAILURES_MS: number = 1.5 * (CALL_TIMEOUT_MS + LONGEST_RETRY_DELAY_MS)

/** Consecutive failures, without a success in between. Times are in monotonic ms. */
export interface FailureStreak {
  readonly since: number
  readonly lastAt: number
}

/**
 * Returns the streak, extended by a call that failed at `now`.
 *
 * @param presentSince - since when the consumer has been requesting records without a break (monotonic ms).
 * While it does, a long interval between two failures does not end the streak, because the retry may have had
 * to wait for other calls.
 */
export function extendStreak(
  streak: FailureStreak | undefined,
  now: number,
  presentSince: number,
): FailureStreak {
  if (streak === undefined) return { since: now, lastAt: now }
  const continues = now - streak.lastAt <= LONGEST_BETWEEN_FAILURES_MS || streak.lastAt >= presentSince
  return { since: continues ? streak.since : now, lastAt: now }
}

/** Returns the time from the first failure of the streak to the last one, in ms. */
export function streakMs({ since, lastAt }: FailureStreak): number {
  return lastAt - since
}
