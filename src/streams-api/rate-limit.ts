import { type Clock, sleep } from '../clock.ts'

/** Lets so many calls through in any window of one second; the others wait their turn. */
export interface RateLimit {
  /** Resolves when the next call may be made. Rejects when `signal` aborts. */
  wait(signal: AbortSignal): Promise<void>
}

/** A {@link RateLimit} of `perSecond` calls, which may come all at once. */
export function rateLimit(clock: Clock, perSecond: number): RateLimit {
  /** The times of the last `perSecond` calls, also of those that are still to come. */
  const granted: number[] = []
  return {
    async wait(signal) {
      const now = clock.now()
      const oldest = granted.length < perSecond ? Number.NEGATIVE_INFINITY : (granted.shift() as number)
      const at = Math.max(now, oldest + 1_000)
      granted.push(at)
      if (at > now) await sleep(clock, at - now, signal)
      signal.throwIfAborted()
    },
  }
}
