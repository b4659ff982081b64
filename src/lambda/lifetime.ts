import { setMaxListeners } from 'node:events'
import { type Clock, sleep } from '../core/clock.ts'
import { type LambdaContext, remainingMsOf } from './lambda-event.ts'

/** How long an invocation starts work: until shortly before its deadline, or until a failure that ends it. */
export class Lifetime {
  readonly #clock: Clock
  /** From then on nothing is started, in monotonic ms; `Infinity` without a deadline. */
  readonly #stopAt: number
  /** From then on nothing is waited for. */
  readonly #endAt: number
  readonly #stopped = new AbortController()

  /**
   * @param reserveMs - how long before the deadline nothing more is started. At most half of the remaining
   * time is reserved: with the default timeout of a function, 3 s, nothing else might be left.
   */
  constructor(context: LambdaContext | undefined, reserveMs: number, clock: Clock) {
    const remainingMs = remainingMsOf(context)
    const reservedMs = Math.min(reserveMs, remainingMs / 2)
    const deadline = clock.monotonic() + remainingMs
    // Each record that waits for its next attempt listens to it.
    setMaxListeners(0, this.#stopped.signal)
    this.#clock = clock
    this.#stopAt = deadline - reservedMs
    this.#endAt = deadline - reservedMs / 2
  }

  /**
   * Whether nothing more is started. The clock is read too, because handlers that never wait can keep the
   * timer of the deadline from firing.
   */
  get isStopping(): boolean {
    return this.#stopped.signal.aborted || !this.includes(this.#clock.monotonic())
  }

  /** How long something can still be started, in ms. */
  get remainingMs(): number {
    return Math.max(0, this.#stopAt - this.#clock.monotonic())
  }

  /** Whether something could still be started at a time (monotonic ms). */
  includes(time: number): boolean {
    return time < this.#stopAt
  }

  /** Starts nothing more, and ends all waits. */
  stop(): void {
    this.#stopped.abort()
  }

  /** Waits until a time (monotonic ms). Resolves to false, at once, if nothing is to be started then. */
  async waitUntil(time: number): Promise<boolean> {
    if (!this.includes(time)) return false
    const delayMs = time - this.#clock.monotonic()
    if (delayMs > 0) await sleep(this.#clock, delayMs, this.#stopped.signal)
    return !this.isStopping
  }

  /**
   * Waits for `work`, but not longer than the deadline permits.
   * @param onStop - called when nothing more may be started although the work has not ended.
   */
  async limit(work: Promise<unknown>, onStop: () => void): Promise<void> {
    const cancels: (() => void)[] = []
    const ended = new Promise<void>((resolve) => {
      if (this.#endAt === Number.POSITIVE_INFINITY) return
      const now = this.#clock.monotonic()
      cancels.push(this.#clock.setTimer(Math.max(0, this.#stopAt - now), onStop))
      cancels.push(this.#clock.setTimer(Math.max(0, this.#endAt - now), resolve))
    })
    await Promise.race([work, ended])
    for (const cancel of cancels) cancel()
    this.stop()
  }
}
