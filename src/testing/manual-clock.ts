import { types } from 'node:util'
import type { Clock } from '../core/clock.ts'
import { invalidOption } from '../core/options.ts'

interface Timer {
  /** On the monotonic clock. */
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/**
 * A clock that only moves when a test moves it, for tests that neither sleep nor depend on the machine's speed. Timers
 * run on the monotonic clock, as those of Node do, and fire in the order of their times (then of their creation), with
 * all promise callbacks run in between.
 */
export class ManualClock implements Clock {
  #now: number
  #monotonic = 0
  #order = 0
  #timers: Timer[] = []

  /**
   * @param start the time at first, a Date or ms since 1970. @default 2026-01-01T00:00:00Z
   * @throws StreamError `options.invalid`
   */
  constructor(start: Date | number = Date.UTC(2026, 0, 1)) {
    const now: unknown = types.isDate(start) ? start.getTime() : start
    this.#now = finite('start', now, 'a valid Date or a number of ms since 1970')
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** Milliseconds until the next timer fires; `undefined` when none is set. */
  get untilNextTimer(): number | undefined {
    const next = this.#timers[0]
    return next && Math.max(0, next.at - this.#monotonic)
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    // Whole milliseconds, as the system's timers and clock have.
    const timer = { at: this.#monotonic + Math.ceil(Math.max(0, delayMs)), order: this.#order++, callback }
    const index = this.#timers.findIndex((other) => other.at > timer.at)
    this.#timers.splice(index === -1 ? this.#timers.length : index, 0, timer)
    return () => {
      const at = this.#timers.indexOf(timer)
      if (at !== -1) this.#timers.splice(at, 1)
    }
  }

  /**
   * Sets the wall clock forward or back, as an NTP step does, or the end of a machine's sleep. Timers and the monotonic
   * clock are not affected.
   */
  jump(byMs: number): void {
    this.#now += duration(byMs)
  }

  /**
   * Lets `byMs` milliseconds pass during which the process is suspended, as by SIGSTOP or a paused container: both clocks
   * move, and timers that fall due meanwhile fire late, when the clock is next moved.
   */
  suspend(byMs: number): void {
    this.#now += duration(byMs)
    this.#monotonic += byMs
  }

  /** Lets `byMs` milliseconds pass, firing every timer that falls due, and those which they set. */
  async advance(byMs: number): Promise<void> {
    const until = this.#monotonic + duration(byMs)
    await settleCallbacks()
    for (let next = this.#timers[0]; next && next.at <= until; next = this.#timers[0]) {
      this.#fire(next)
      await settleCallbacks()
    }
    // Unless a callback has suspended the process for longer.
    this.#moveTo(until)
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
    this.#moveTo(timer.at)
    timer.callback()
  }

  #moveTo(monotonic: number): void {
    const passed = Math.max(0, monotonic - this.#monotonic)
    this.#now += passed
    this.#monotonic += passed
  }
}

function duration(byMs: unknown): number {
  return finite('byMs', byMs, 'a number of milliseconds')
}

/** What is not a number would make the time NaN, and no timer would fire any more. */
function finite(option: string, value: unknown, expected: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw invalidOption(option, value, expected)
}

/** Turns of the event loop after which calls of the file system count as hanging. */
const MOST_TURNS = 10_000

/**
 * Lets every promise callback that is ready run, and waits for calls of the file system: the SDK's clients read the shared
 * configuration before their first call, and stores write files.
 */
async function settleCallbacks(): Promise<void> {
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (!process.getActiveResourcesInfo().some(isFileRequest)) return
  }
}

function isFileRequest(resource: string): boolean {
  return resource.startsWith('FSReq')
}
