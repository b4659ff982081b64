import { type Clock, sleep } from '../core/clock.ts'

const WINDOW_MS = 1_000

/** Lets so many calls through in any window of one second; the others wait their turn. */
export interface RateLimit {
  /** Resolves when the next call may be made, which must be made at once. Rejects when `signal` aborts. */
  wait(signal: AbortSignal): Promise<void>
}

/** A {@link RateLimit} of `perSecond` calls, which may come all at once. */
export function rateLimit(clock: Clock, perSecond: number): RateLimit {
  /** When the last calls were made (monotonic ms), `perSecond` of them at most. */
  const made: number[] = []
  let queue: Promise<void> = Promise.resolve()

  /** Looks at the clock again after each wait: a timer may come late, and the call with it. */
  const takeTurn = async (signal: AbortSignal) => {
    for (;;) {
      signal.throwIfAborted()
      const now = clock.monotonic()
      const oldest = made.length < perSecond ? undefined : made[0]
      if (oldest === undefined || oldest <= now - WINDOW_MS) {
        if (oldest !== undefined) made.shift()
        made.push(now)
        return
      }
      await sleep(clock, oldest + WINDOW_MS - now, signal)
    }
  }

  return {
    wait(signal) {
      const turn = queue.then(() => takeTurn(signal))
      queue = turn.catch(() => {})
      return turn
    },
  }
}
