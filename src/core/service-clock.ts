import type { Clock } from './clock.ts'

/** The `Date` header is truncated to the second, so the service's time is up to this much (ms) later. */
const TRUNCATED_MS = 999

/**
 * If the wall clock and the monotonic clock have drifted apart by this much (ms), the wall clock was set or
 * the machine slept.
 */
const CLOCK_STEP_MS = 500

/**
 * An estimate of the service's time, from the `Date` headers of its responses. Times in shard ids and records
 * are compared with this estimate, because the local wall clock may be hours off, or be set at any moment.
 * The SDK corrects its signatures for that, so a wrong clock causes no errors and goes unnoticed.
 *
 * Between responses, the estimate advances with the monotonic clock. A header and the duration of its call
 * limit the service's time to a range. The estimate is corrected only if it is outside that range, and then
 * to the earliest time in it, so that a correction never puts it ahead of the service. If the machine may
 * have slept during the call, its duration is unknown and the range has no upper bound. Before the first
 * header, the estimate is the local wall clock.
 *
 * @internal
 */
export class ServiceClock {
  readonly #clock: Clock
  /** The service's time minus the monotonic time, in ms. */
  #offsetMs: number | undefined
  /** The service's time minus the wall clock, in ms, at the last `Date` header. */
  #wallOffsetMs = 0
  /** The wall clock minus the monotonic clock, in ms. */
  #wallAheadMs: number
  /** When that difference was last observed to have changed (monotonic ms). */
  #steppedAt = Number.NEGATIVE_INFINITY
  #hasResponse = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#wallAheadMs = clock.now() - clock.monotonic()
  }

  /** Whether any call has received a response. */
  get hasResponse(): boolean {
    return this.#hasResponse
  }

  /** The estimate of the service's time, in ms since 1970. */
  now(): number {
    return this.#offsetMs === undefined ? this.#clock.now() : this.#clock.monotonic() + this.#offsetMs
  }

  /**
   * The latest possible service time, in ms since 1970. The monotonic clock may stop while the machine
   * sleeps, and then only the wall clock has advanced. But the wall clock may also have been set, so this is
   * an upper bound and not an estimate.
   */
  atMost(): number {
    return Math.max(this.now(), this.#clock.now() + this.#wallOffsetMs)
  }

  /**
   * Corrects the estimate by a response that was just received.
   *
   * @param dateMs - the response's `Date` header, in ms; undefined if it has none.
   * @param calledAt - when the call started (monotonic ms).
   */
  observe(dateMs: number | undefined, calledAt: number): void {
    this.#hasResponse = true
    if (dateMs === undefined) return
    const receivedAt = this.#clock.monotonic()
    this.#detectStep(receivedAt)
    const min = dateMs - receivedAt
    const isBounded = this.#offsetMs === undefined || calledAt > this.#steppedAt
    const max = isBounded ? dateMs + TRUNCATED_MS - calledAt : Number.POSITIVE_INFINITY
    const offsetMs = this.now() - receivedAt
    this.#offsetMs = offsetMs < min || offsetMs > max ? min : offsetMs
    this.#wallOffsetMs = this.now() - this.#clock.now()
  }

  #detectStep(now: number): void {
    const wallAheadMs = this.#clock.now() - now
    if (Math.abs(wallAheadMs - this.#wallAheadMs) >= CLOCK_STEP_MS) this.#steppedAt = now
    this.#wallAheadMs = wallAheadMs
  }
}
