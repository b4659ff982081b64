import type { ManualClock } from '../../src/testing/index.ts'
import { Violation } from './violation.ts'

/** How long a call may take on the manual clock with all the faults of a history, in ms. */
const MAX_CALL_MS = 15 * 60_000

/**
 * Turns of the event loop without a timer after which a call counts as stuck. The SDK's client needs several.
 */
const MAX_IDLE_TURNS = 50

/** The number of microtask turns within which a call that waits for neither I/O nor a timer settles. */
export const BUFFERED_TURNS = 12

/** Advances the clock until `work` settles. Unlike `ManualClock.run`, detects that it never will. */
export async function settle<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isSettled = false
  const done = () => {
    isSettled = true
  }
  work.then(done, done)
  // Buffered results need no turn of the event loop.
  for (let turn = 0; turn < BUFFERED_TURNS && !isSettled; turn++) await undefined
  if (isSettled) return work
  let waited = 0
  let idleTurns = 0
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    if (isSettled) return work
    const wait = clock.untilNextTimer
    if (wait === undefined) {
      if (++idleTurns > MAX_IDLE_TURNS)
        throw new Violation('never stuck', 'a call is pending, but no timer is set and nothing is in flight')
      continue
    }
    idleTurns = 0
    // Sum up the waits instead of reading the clock, which can jump.
    waited += wait
    if (waited > MAX_CALL_MS) throw new Violation('never stuck', 'a call took more than 15 minutes')
    await clock.advance(wait)
  }
}
