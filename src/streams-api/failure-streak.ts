import { CALL_TIMEOUT_MS, LONGEST_RETRY_DELAY_MS } from './retry.ts'

/** How long calls may fail, in ms, before records of other shards are delivered without waiting for what they would show. */
export const STALLED_AFTER_MS: number = 60_000

/**
 * How far apart the failures of a call that is retried all the time are at most, in ms: the time limit of a call, the
 * longest pause, and some room. After a longer time the process was suspended or the consumer away, and calls have not been
 * failing throughout.
 */
const LONGEST_BETWEEN_FAILURES_MS: number = 1.5 * (CALL_TIMEOUT_MS + LONGEST_RETRY_DELAY_MS)

/** Failures without a success in between. Monotonic ms. */
export interface FailureStreak {
  readonly since: number
  readonly lastAt: number
}

/** A call has failed at `now`. */
export function extendStreak(streak: FailureStreak | undefined, now: number): FailureStreak {
  const hasGoneOn = streak !== undefined && now - streak.lastAt <= LONGEST_BETWEEN_FAILURES_MS
  return { since: hasGoneOn ? streak.since : now, lastAt: now }
}

/** For how long calls were seen to fail, in ms. */
export function streakMs({ since, lastAt }: FailureStreak): number {
  return lastAt - since
}
