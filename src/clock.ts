/**
 * Where the library takes the time from and what it waits with. Given as an option, so that tests run on a
 * manual clock; in production {@link systemClock} is used.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number
  /**
   * Calls `callback` once, `delayMs` milliseconds (0 or more) from now, never synchronously. A `background` timer
   * does not keep the process alive.
   * @returns a function that cancels the timer; calling it late or twice does nothing.
   */
  setTimer(delayMs: number, callback: () => void, background?: boolean): () => void
}

/** The wall clock and the timers of the process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer: (delayMs, callback, background = false) => {
    const timer = setTimeout(callback, delayMs)
    if (background) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Waits `delayMs` milliseconds. Ends early, without an error, when `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.setTimer(delayMs, done)
    signal?.addEventListener('abort', done)
  })
}
