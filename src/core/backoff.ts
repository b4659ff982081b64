export interface BackoffOptions {
  /** Upper bound of the first wait, in ms; it doubles with each attempt. */
  readonly baseMs: number
  /** Upper bound of every wait, in ms. */
  readonly capMs: number
}

/**
 * How long to wait before the next try, in whole ms: exponential backoff with full jitter, so that many workers which
 * failed together do not come back together.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
 *
 * @param attempt how many tries have failed so far; 1 or more.
 * @param random gives a number from 0 (inclusive) to 1 (exclusive), as `Math.random` does.
 */
export function backoffMs(attempt: number, { baseMs, capMs }: BackoffOptions, random: () => number): number {
  const bound = Math.min(capMs, baseMs * 2 ** (Math.max(1, attempt) - 1))
  return Math.round(random() * bound)
}
