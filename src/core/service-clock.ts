import type { Clock } from './clock.ts'

/** The `Date` header tells whole seconds: up to this much (ms) is missing. */
const TRUNCATED_MS = 999

/** The wall clock was set, or the machine was asleep, if the two clocks have moved apart by this much (ms). */
const CLOCK_STEP_MS = 500

/**
 * The service's time, from the `Date` headers of its responses. Shard ids and record times are compared with it, because
 * the local wall clock may be hours off, or be set at any moment (the SDK corrects its signatures for that, so it goes
 * unnoticed).
 *
 * Between responses it runs with the monotonic clock. A header and the time that the call took give a range; the clock is
 * corrected only when it lies outside, and then to the earliest time of the range, so that it is not ahead of the service.
 * If the machine may have slept during the call, nothing tells how long it took, and the range has no end. Until the first
 * header it is the local wall clock.
 *
 * @internal
 */
export class ServiceClock {
  readonly #clock: Clock
  /** The service's time less the monotonic one. */
  #offsetMs: number | undefined
  /** The service's time less the wall clock, when the service last told its time. */
  #wallOffsetMs = 0
  /** The wall clock less the monotonic one, and when that was last seen to have changed (monotonic ms). */
  #wallAheadMs: number
  #steppedAt = Number.NEGATIVE_INFINITY
  #hasAnswer = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#wallAheadMs = clock.now() - clock.monotonic()
  }

  /** Whether a call was answered. */
  get hasAnswer(): boolean {
    return this.#hasAnswer
  }

  /** The service's time in ms since 1970, as far as it is known. */
  now(): number {
    return this.#offsetMs === undefined ? this.#clock.now() : this.#clock.monotonic() + this.#offsetMs
  }

  /**
   * The latest that the service's time may be, in ms since 1970. While a machine sleeps, the monotonic clock may stand still,
   * and only the wall clock tells; but that may have been set meanwhile.
   */
  atMost(): number {
    return Math.max(this.now(), this.#clock.now() + this.#wallOffsetMs)
  }

  /**
   * @param dateMs - the `Date` header of a response that was just received, in ms; undefined if it had none.
   * @param calledAt - when the call was made (monotonic ms).
   */
  observe(dateMs: number | undefined, calledAt: number): void {
    this.#hasAnswer = true
    if (dateMs === undefined) return
    const receivedAt = this.#clock.monotonic()
    this.#noticeStep(receivedAt)
    const least = dateMs - receivedAt
    const isBounded = this.#offsetMs === undefined || calledAt > this.#steppedAt
    const most = isBounded ? dateMs + TRUNCATED_MS - calledAt : Number.POSITIVE_INFINITY
    const offsetMs = this.now() - receivedAt
    this.#offsetMs = offsetMs < least || offsetMs > most ? least : offsetMs
    this.#wallOffsetMs = this.now() - this.#clock.now()
  }

  #noticeStep(now: number): void {
    const wallAheadMs = this.#clock.now() - now
    if (Math.abs(wallAheadMs - this.#wallAheadMs) >= CLOCK_STEP_MS) this.#steppedAt = now
    this.#wallAheadMs = wallAheadMs
  }
}
