import type { Clock } from '../core/clock.ts'

/**
 * How long the consumer may request no record, in ms, before it counts as away and no more calls are made for
 * it. When it returns, any shard may have a backlog again.
 */
export const CONSUMER_AWAY_MS = 5_000

/**
 * What happened since the consumer last requested records. `suspended`: the wall clock advanced by more than
 * the monotonic one, normally because the machine was asleep.
 */
export type Absence = 'none' | 'away' | 'suspended'

/**
 * Tracks when the consumer requests records: since when without a break, and whether it is away.
 *
 * @internal
 */
export class ConsumerPresence {
  readonly #clock: Clock
  /** When the consumer last requested records. */
  #lastSeen: { readonly monotonic: number; readonly wall: number }
  /** Since when it has done so without a break (monotonic ms). */
  #since: number

  /** The consumer counts as present at the time of construction. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#lastSeen = { monotonic: clock.monotonic(), wall: clock.now() }
    this.#since = this.#lastSeen.monotonic
  }

  /**
   * Registers that the consumer requests records at `now` (monotonic ms). Returns what happened since it last
   * did.
   */
  notice(now: number): Absence {
    const last = this.#lastSeen
    const wall = this.#clock.now()
    this.#lastSeen = { monotonic: now, wall }
    // While a machine is asleep, the monotonic clock may not advance.
    const pauseMs = now - last.monotonic
    const wasSuspended = wall - last.wall - pauseMs >= CONSUMER_AWAY_MS
    if (pauseMs < CONSUMER_AWAY_MS && !wasSuspended) return 'none'
    this.#since = now
    return wasSuspended ? 'suspended' : 'away'
  }

  /** Since when the consumer has been requesting records without a break until `now` (monotonic ms). */
  sinceAt(now: number): number {
    return this.isAway(now) ? now : this.#since
  }

  /** Whether the consumer has requested no record for {@link CONSUMER_AWAY_MS}. */
  isAway(now: number): boolean {
    return now - this.#lastSeen.monotonic >= CONSUMER_AWAY_MS
  }
}
