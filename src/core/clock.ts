/**
 * The library's source of time and timers. It is an option, so that tests can run on a manual clock; production code
 * uses {@link systemClock}.
 */
export interface Clock {
  /**
   * The wall clock: milliseconds since 1970-01-01T00:00:00Z. It can be set forward and back at any moment, so it is only
   * compared with times that the service wrote (creation times of records, times in shard ids).
   */
  now(): number
  /**
   * Milliseconds since some fixed moment, never set back: what decides when something is due, has expired or has taken too
   * long.
   */
  monotonic(): number
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
  monotonic: () => performance.now(),
  setTimer: (delayMs, callback, background = false) => {
    // Node fires a timer of more than 2^31 - 1 ms at once.
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
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
