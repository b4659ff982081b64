import { type Clock, sleep } from '../core/clock.ts'

const WINDOW_MS = 1_000

/** Limits the number of calls in any window of one second. Further calls wait in a queue. */
export interface RateLimit {
  /** Resolves when the caller may make its call; it must do so immediately. Rejects when `signal` aborts. */
  wait(signal: AbortSignal): Promise<void>
}

/** Creates a {@link RateLimit} of `perSecond` calls per second, which may all be made at the same time. */
export function rateLimit(clock: Clock, perSecond: number): RateLimit {
  /** When the last calls were made (monotonic ms), up to `perSecond` of them. */
  const callTimes: number[] = []
  let queue: Promise<void> = Promise.resolve()

  /** Reads the clock again after each wait, because a timer may fire late. */
  const waitForSlot = async (signal: AbortSignal) => {
    for (;;) {
      signal.throwIfAborted()
      const now = clock.monotonic()
      const oldest = callTimes.length < perSecond ? undefined : callTimes[0]
      if (oldest === undefined || oldest <= now - WINDOW_MS) {
        if (oldest !== undefined) callTimes.shift()
        callTimes.push(now)
        return
      }
      await sleep(clock, oldest + WINDOW_MS - now, signal)
    }
  }

  return {
    wait(signal) {
      const slot = queue.then(() => waitForSlot(signal))
      queue = slot.catch(() => {})
      return slot
    },
  }
}
