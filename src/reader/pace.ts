/** GetRecords calls a second that a shard is said to allow (unofficial), and how many may come in a row before that holds. */
const CALLS_PER_SECOND = 5
const BURST = 100

/**
 * Spreads calls: a burst at first, then so many a second, and a burst again after a rest.
 *
 * @internal
 */
export class Pace {
  #left = BURST
  #at = 0

  /** How long to wait before the next call, in ms. */
  next(now: number): number {
    const earned = (Math.max(0, now - this.#at) * CALLS_PER_SECOND) / 1_000
    this.#left = Math.min(BURST, this.#left + earned) - 1
    this.#at = now
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * 1_000) / CALLS_PER_SECOND)
  }
}
