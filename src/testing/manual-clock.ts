import type { Clock } from '../clock.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/**
 * A clock that stands still until it is told to move, for tests that neither sleep nor depend on the machine's
 * speed. Timers fire in the order of their times (then of their making), with all promise callbacks run in between.
 */
export class ManualClock implements Clock {
  #now: number
  #order = 0
  #timers: Timer[] = []

  /** @param start where the clock stands at first. @default 2026-01-01T00:00:00Z */
  constructor(start: Date | number = Date.UTC(2026, 0, 1)) {
    this.#now = Number(start)
  }

  now(): number {
    return this.#now
  }

  /** Milliseconds until the next timer fires; `undefined` when none is set. */
  get untilNextTimer(): number | undefined {
    const next = this.#timers[0]
    return next && Math.max(0, next.at - this.#now)
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    // Whole milliseconds, as the system's timers and clock have.
    const timer = { at: this.#now + Math.ceil(Math.max(0, delayMs)), order: this.#order++, callback }
    const index = this.#timers.findIndex((other) => other.at > timer.at)
    this.#timers.splice(index === -1 ? this.#timers.length : index, 0, timer)
    return () => {
      const at = this.#timers.indexOf(timer)
      if (at !== -1) this.#timers.splice(at, 1)
    }
  }

  /** Moves the clock to another time at once, without firing timers on the way: a jump of the machine's clock. */
  jump(byMs: number): void {
    this.#now += byMs
  }

  /** Lets `byMs` milliseconds pass, firing every timer that falls due, and those which they set. */
  async advance(byMs: number): Promise<void> {
    const until = this.#now + byMs
    await settleCallbacks()
    for (let next = this.#timers[0]; next && next.at <= until; next = this.#timers[0]) {
      this.#fire(next)
      await settleCallbacks()
    }
    // Unless somebody made it jump beyond that.
    this.#now = Math.max(this.#now, until)
    await settleCallbacks()
  }

  /**
   * Runs `work` to its end, moving the clock to the next timer whenever nothing else is left to do.
   * Minutes of waiting pass in no time, and in the same way at each run.
   */
  async run<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    let settled = false
    const promise = (typeof work === 'function' ? work() : work).finally(() => {
      settled = true
    })
    promise.catch(() => {})
    for (;;) {
      await settleCallbacks()
      if (settled) return promise
      const next = this.#timers[0]
      if (next) this.#fire(next)
    }
  }

  #fire(timer: Timer): void {
    this.#timers.splice(this.#timers.indexOf(timer), 1)
    this.#now = Math.max(this.#now, timer.at)
    timer.callback()
  }
}

/** Lets every promise callback that is ready run. */
function settleCallbacks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
