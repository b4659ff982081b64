import type { Clock } from './clock.ts'

/** The `Date` header tells whole seconds: up to this much (ms) is missing. */
const TRUNCATED_MS = 999

/** When a call was made: by the wall clock, and by the monotonic one (ms). */
export interface CallMark {
  readonly wall: number
  readonly monotonic: number
}

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

  /** To be taken when a call is made, for {@link observe}. */
  mark(): CallMark {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() }
  }

  /**
   * @param dateMs - the `Date` header of a response that was just received, in ms; undefined if it had none.
   * @param call - when the call was made.
   */
  observe(dateMs: number | undefined, call: CallMark): void {
    if (dateMs === undefined) return
    const receivedAt = this.#clock.now()
    // While a machine sleeps its monotonic clock may stand still, and the response is older than that says.
    const tookMs = Math.max(this.#clock.monotonic() - call.monotonic, receivedAt - call.wall)
    const least = dateMs - receivedAt
    const most = dateMs + TRUNCATED_MS - (receivedAt - tookMs)
    this.#offsetMs = Math.min(Math.max(this.#offsetMs, least), most)
  }
}
