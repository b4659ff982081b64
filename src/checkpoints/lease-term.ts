import type { Clock } from '../core/clock.ts'

/** The share of its time limit by which a worker stops before its lease ends. */
const MARGIN = 0.1

/** A lease is renewed after this share of its time limit. */
const RENEW_AFTER = 1 / 3

/**
 * A lease is renewed before anything is delivered if the worker has not checked it for longer than this
 * share.
 */
const SUSPENDED_AFTER = 1 / 2

/** A moment on both clocks of a process, in ms. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() }
}

/**
 * What a worker may assume about its lease with a time limit, according to its own clocks. Makes no call.
 *
 * A renewal counts from the moment when it was sent: the standby worker that sees it starts to count later.
 * The worker stops `leaseMs / 10` before its time is over, so that clocks whose rates differ by up to 5 % in
 * opposite directions do no harm, and handlers have time to abort.
 *
 * Of the two clocks, the one that shows more time counts. The monotonic clock of some machines stops
 * while they sleep, and the wall clock may be set back.
 */
export class LeaseTerm {
  readonly leaseMs: number
  /** How long after a renewal was sent the worker stops, in ms. */
  readonly #validMs: number
  /** When the last renewal that has succeeded was sent. */
  #sent: Moment
  /** The last moment at which the term was checked. */
  #checked: Moment
  /** Set from a suspension to the next renewal. */
  #suspendedAt: Moment | undefined
  #isOver = false

  /** @param sentAt - when the call that acquired the lease was sent. */
  constructor(leaseMs: number, sentAt: Moment) {
    this.leaseMs = leaseMs
    this.#validMs = leaseMs - leaseMs * MARGIN
    this.#sent = sentAt
    this.#checked = sentAt
  }

  /**
   * Returns what the worker may do now:
   * - `deliver` and process records;
   * - `renew` first, because it was suspended;
   * - `stop` for good, because another worker may have taken over.
   */
  check(now: Moment): 'deliver' | 'renew' | 'stop' {
    this.#isOver ||= elapsedMs(this.#sent, now) >= this.#validMs
    if (this.#isOver) return 'stop'
    if (elapsedMs(this.#checked, now) > this.leaseMs * SUSPENDED_AFTER) this.#suspendedAt = now
    this.#checked = now
    return this.#suspendedAt === undefined ? 'deliver' : 'renew'
  }

  /** A renewal that was sent at this moment has succeeded. */
  renewed(sentAt: Moment): void {
    if (elapsedMs(this.#sent, sentAt) > 0) this.#sent = sentAt
    if (this.#suspendedAt && sentAt.monotonic >= this.#suspendedAt.monotonic) this.#suspendedAt = undefined
  }

  /** Whether the lease should be renewed now. */
  isRenewalDue(now: Moment): boolean {
    return this.#suspendedAt !== undefined || elapsedMs(this.#sent, now) >= this.leaseMs * RENEW_AFTER
  }

  /** How long the worker may still rely on the lease, in ms; 0 if not at all. */
  remainingMs(now: Moment): number {
    return this.#isOver ? 0 : Math.max(0, this.#validMs - elapsedMs(this.#sent, now))
  }
}

/** A clock that was set back is ignored: the other clock is used. */
function elapsedMs(from: Moment, to: Moment): number {
  return Math.max(to.monotonic - from.monotonic, to.wall - from.wall)
}
