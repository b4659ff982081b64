import { CALL_TIMEOUT_MS, LONGEST_RETRY_DELAY_MS } from './retry.ts'

/** How long calls may fail, in ms, before records of other shards are delivered without waiting for what they would show. */
export const STALLED_AFTER_MS: number = 60_000

/**
 * How far apart the failures of a call that is retried at once are at most, in ms: the time limit of a call, the longest
 * pause, and some room. After a longer time the process may have been suspended or the consumer away, so that calls have not
 * been failing throughout.
 */
const LONGEST_BETWEEN_FAILURES_MS: number = 1.5 * (CALL_TIMEOUT_MS + LONGEST_RETRY_DELAY_MS)

/** Failures without a success in between. Monotonic ms. */
export interface FailureStreak {
  readonly since: number
  readonly lastAt: number
}

/**
 * A call has failed at `now`.
 * @param presentSince - since when the consumer has been there without a break. A call that is retried may have had to wait
 * for others meanwhile.
 */
export function extendStreak(
  streak: FailureStreak | undefined,
  now: number,
  presentSince: number,
): FailureStreak {
  if (streak === undefined) return { since: now, lastAt: now }
  const hasGoneOn = now - streak.lastAt <= LONGEST_BETWEEN_FAILURES_MS || streak.lastAt >= presentSince
  return { since: hasGoneOn ? streak.since : now, lastAt: now }
}

/** For how long calls were seen to fail, in ms. */
export function streakMs({ since, lastAt }: FailureStreak): number {
  return lastAt - since
}
