import type { Clock } from '../core/clock.ts'

/**
 * The callers that wait for a change, and a timer for the next call that is due. The timer exists only while
 * a caller waits: without a consumer nothing is polled.
 *
 * @internal
 */
export class WakeTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  #waiting = new Set<() => void>()
  #cancelTimer: (() => void) | undefined
  #setFor = Number.POSITIVE_INFINITY

  /** @param onDue - called when the timer fires. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Whether a caller is waiting. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0
  }

  /** Resolves at the next `wake`, or when `signal` aborts. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.delete(resume)
        if (!this.isAwaited) this.cancel()
        resolve()
      }
      this.#waiting.add(resume)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** Resolves the promises of all waiting callers. */
  wake(): void {
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const resume of waiting) resume()
  }

  /**
   * Sets the timer to fire at `dueAt` (monotonic ms), if a caller is waiting. Replaces the time set before.
   */
  set(dueAt: number, now: number): void {
    const at = this.isAwaited ? dueAt : Number.POSITIVE_INFINITY
    if (at === this.#setFor) return
    this.cancel()
    this.#setFor = at
    if (at === Number.POSITIVE_INFINITY) return
    this.#cancelTimer = this.#clock.setTimer(Math.max(0, at - now), () => {
      this.#setFor = Number.POSITIVE_INFINITY
      this.#onDue()
    })
  }

  cancel(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#setFor = Number.POSITIVE_INFINITY
  }
}
