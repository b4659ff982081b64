import type { Clock } from '../core/clock.ts'

/**
 * Those who wait for something to happen, and the one timer that makes it happen. The timer exists only while somebody
 * waits: nobody asks, nobody polls.
 *
 * @internal
 */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #waiting: (() => void)[] = []
  #cancelTimer: (() => void) | undefined
  #setFor = Number.POSITIVE_INFINITY

  /** @param ring is called when the time has come that the alarm was set for. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Resolves at the next `wake`. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  /** Rings at `dueAt` (ms) if somebody still waits then. */
  set(dueAt: number, now: number): void {
    const at = this.#waiting.length > 0 ? dueAt : Number.POSITIVE_INFINITY
    if (at === this.#setFor) return
    this.cancel()
    this.#setFor = at
    if (at === Number.POSITIVE_INFINITY) return
    this.#cancelTimer = this.#clock.setTimer(Math.max(0, at - now), () => {
      this.#setFor = Number.POSITIVE_INFINITY
      this.#ring()
    })
  }

  cancel(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#setFor = Number.POSITIVE_INFINITY
  }
}
