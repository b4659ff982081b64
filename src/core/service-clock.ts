import type { Clock } from './clock.ts'

/** The `Date` header tells whole seconds: up to this much (ms) is missing. */
const TRUNCATED_MS = 999

/**
 * The service's time: the local wall clock, corrected by the `Date` headers of the service's responses. Shard ids and
 * record times are compared with it, because the local clock may be hours off (the SDK corrects its signatures for that,
 * so nobody notices).
 *
 * A header and the time that the call took give a range for the difference between the two clocks. The correction is
 * only changed when it lies outside that range, so that it is 0 for a clock that is right.
 *
 * @internal
 */
export class ServiceClock {
  readonly #clock: Clock
  #offsetMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The service's time in ms since 1970, as far as it is known. */
  now(): number {
    return this.#clock.now() + this.#offsetMs
  }

  /**
   * @param dateMs - the `Date` header of a response that was just received, in ms; undefined if it had none.
   * @param tookMs - how long ago the call was made, in ms.
   */
  observe(dateMs: number | undefined, tookMs: number): void {
    if (dateMs === undefined) return
    const receivedAt = this.#clock.now()
    const least = dateMs - receivedAt
    const most = dateMs + TRUNCATED_MS - (receivedAt - tookMs)
    this.#offsetMs = Math.min(Math.max(this.#offsetMs, least), most)
  }
}
