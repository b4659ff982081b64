/**
 * The library's source of time and timers. It is an option so that tests can use a manual clock. The default
 * is {@link systemClock}.
 */
export interface Clock {
  /**
   * The wall clock: milliseconds since 1970-01-01T00:00:00Z. It can be set forward or back at any moment, so
   * it is only compared with times that the service wrote: the creation times of records, and the times in
   * shard ids.
   */
  now(): number
  /**
   * Milliseconds since an arbitrary fixed moment; never goes backward. Delays, expirations and time limits
   * are measured with it.
   */
  monotonic(): number
  /**
   * Calls `callback` once, `delayMs` milliseconds (0 or more) from now, never synchronously. A `background`
   * timer does not keep the process alive.
   * @returns a function that cancels the timer. It does nothing if the timer has fired or was already
   * canceled.
   */
  setTimer(delayMs: number, callback: () => void, background?: boolean): () => void
}

/** The default {@link Clock}: the system's wall clock, its monotonic clock, and Node's timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (delayMs, callback, background = false) => {
    // Node fires a timer of more than 2^31 - 1 ms immediately.
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
    if (background) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Whether the value has the members of a clock, for callers that TypeScript does not check. */
export function isClock(value: unknown): value is Clock {
  const { now, monotonic, setTimer } = (value ?? {}) as Partial<Clock>
  return [now, monotonic, setTimer].every((member) => typeof member === 'function')
}

/** Resolves after `delayMs` milliseconds, or earlier, without an error, when `signal` aborts. */
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
