export interface BackoffOptions {
  /** Upper bound of the first delay, in ms. It doubles with each attempt. */
  readonly baseMs: number
  /** Upper bound of every delay, in ms. */
  readonly capMs: number
}

/**
 * Returns the delay before the next attempt, in whole ms: exponential backoff with full jitter, so that
 * workers that failed together do not retry together. Source: AWS Architecture Blog, "Exponential Backoff And
 * Jitter".
 *
 * @param attempt - how many attempts have failed so far; 1 or more.
 * @param random - returns a number from 0 (inclusive) to 1 (exclusive), like `Math.random`.
 */
export function backoffMs(attempt: number, { baseMs, capMs }: BackoffOptions, random: () => number): number {
  const bound = Math.min(capMs, baseMs * 2 ** (Math.max(1, attempt) - 1))
  return Math.round(random() * bound)
}
