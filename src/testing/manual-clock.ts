import type { Clock } from '../core/clock.ts'
import { aTime, finiteNumber } from './options/check-options.ts'

interface Timer {
  /** When it fires, on the monotonic clock. */
  readonly at: number
  readonly callback: () => void
}

/**
 * A clock that moves only when a test moves it, so that tests neither sleep nor depend on the speed of the
 * machine.
 *
 * Timers follow the monotonic clock, as in Node. They fire in order of their due times, and timers due at the
 * same time in order of creation. All pending promise callbacks run before the next timer fires.
 *
 * @example
 * const clock = new ManualClock()
 * const emulator = new StreamEmulator({ clock })
 * const stream = await openStream({ client: emulator.client(), streamArn: emulator.streamArn, clock })
 * await clock.advance(60_000)
 */
export class ManualClock implements Clock {
  #now: number
  #monotonic = 0
  #timers: Timer[] = []

  /**
   * @param start - the initial time, a `Date` or ms since 1970. Default: 2026-01-01T00:00:00Z.
   * @throws StreamError `options.invalid` for an invalid time.
   */
  constructor(start: Date | number = Date.UTC(2026, 0, 1)) {
    aTime('start', start)
    this.#now = Number(start)
  }

  /** Returns the wall-clock time in ms since 1970. */
  now(): number {
    return this.#now
  }

  /** Returns the ms that have passed since the clock was created. {@link jump} does not change it. */
  monotonic(): number {
    return this.#monotonic
  }

  /** Milliseconds until the next timer is due, 0 if it is overdue, `undefined` if no timer is set. */
  get untilNextTimer(): number | undefined {
    const next = this.#timers[0]
    return next && Math.max(0, next.at - this.#monotonic)
  }

  /**
   * Calls `callback` after `delayMs` milliseconds, rounded up to a whole number.
   * @returns a function that cancels the timer.
   */
  setTimer(delayMs: number, callback: () => void): () => void {
    // The timers and the clock of Node have a resolution of 1 ms.
    const timer = { at: this.#monotonic + Math.ceil(Math.max(0, delayMs)), callback }
    const index = this.#timers.findIndex((other) => other.at > timer.at)
    this.#timers.splice(index === -1 ? this.#timers.length : index, 0, timer)
    return () => {
      const at = this.#timers.indexOf(timer)
      if (at !== -1) this.#timers.splice(at, 1)
    }
  }

  /**
   * Sets the wall clock forward or, with a negative number, back, like an NTP step or a laptop that wakes up.
   * Timers and the monotonic clock are not affected.
   */
  jump(byMs: number): void {
    this.#now += duration(byMs)
  }

  /**
   * Suspends the process for `byMs` milliseconds, like SIGSTOP or a paused container. Both clocks move.
   * Timers that become due during this time fire late, when the clock moves next.
   */
  suspend(byMs: number): void {
    this.#now += duration(byMs)
    this.#monotonic += byMs
  }

  /**
   * Moves both clocks forward by `byMs` milliseconds and fires every timer that becomes due, including timers
   * that are set by those timers.
   */
  async advance(byMs: number): Promise<void> {
    const until = this.#monotonic + duration(byMs)
    await settleCallbacks()
    for (let next = this.#timers[0]; next && next.at <= until; next = this.#timers[0]) {
      this.#fire(next)
      await settleCallbacks()
    }
    // No effect if a callback has already suspended the process beyond this time.
    this.#moveTo(until)
    await settleCallbacks()
  }

  /**
   * Waits for `work` to settle and returns its result. Whenever no promise callback is pending, the clock
   * moves to the next timer. Minutes of waiting take no real time, and every run takes the same steps.
   *
   * `run` has no time limit: if `work` never settles, neither does the returned promise, and the clock keeps
   * moving. A loop over a stream ends when the stream is disabled or the loop is left.
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
    this.#moveTo(timer.at)
    timer.callback()
  }

  #moveTo(monotonic: number): void {
    const elapsedMs = Math.max(0, monotonic - this.#monotonic)
    this.#now += elapsedMs
    this.#monotonic += elapsedMs
  }
}

/** Throws for anything but a finite number: with a time of NaN, no timer would ever fire. */
function duration(byMs: number): number {
  finiteNumber('byMs', byMs)
  return byMs
}

/** The maximum number of turns of the event loop to wait for pending callbacks. */
const MAX_TURNS = 10_000

/** How long to wait for calls of the file system, in real ms. Syncing a file is slow on a busy machine. */
const MAX_FILE_WAIT_MS = 5_000

/** The number of clocks that wait for the next turn, each with a `setImmediate` callback of its own. */
let waitingClocks = 0

/**
 * Runs all pending promise and `setImmediate` callbacks, and those that they add, and waits for file system
 * calls: SDK clients read the shared configuration files before their first call, and stores write files.
 */
async function settleCallbacks(): Promise<void> {
  const giveUpAt = performance.now() + MAX_FILE_WAIT_MS
  for (let turn = 0; turn < MAX_TURNS; ) {
    waitingClocks++
    await new Promise((resolve) => setImmediate(resolve))
    waitingClocks--
    const pending = pendingWork()
    if (pending === undefined || performance.now() > giveUpAt) return
    if (pending === 'callbacks') turn++
  }
}

/** What code other than the clocks waits for: two clocks must not wait for each other. */
function pendingWork(): 'files' | 'callbacks' | undefined {
  let immediates = 0
  for (const resource of process.getActiveResourcesInfo()) {
    if (resource.startsWith('FSReq') || resource === 'CloseReq') return 'files'
    if (resource === 'Immediate') immediates++
  }
  return immediates > waitingClocks ? 'callbacks' : undefined
}
