import type { ManualClock } from '../../src/testing/index.ts'
import { Violation } from './violation.ts'

/** How long a call may take on the manual clock, with all faults that a history may hold. */
const LONGEST_MS = 15 * 60_000

/** Turns of the event loop that a call may take with no timer set, before it is stuck. The SDK's client needs some. */
const MOST_IDLE_TURNS = 50

/** Promise callbacks that a call takes, at most, when it need not wait for anything. */
const BUFFERED_HOPS = 12

/** Lets time pass until `work` is done. Unlike `ManualClock.run` it notices when that will never be. */
export async function settle<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isSettled = false
  const done = () => {
    isSettled = true
  }
  work.then(done, done)
  // What is buffered comes without a turn of the event loop.
  for (let hop = 0; hop < BUFFERED_HOPS && !isSettled; hop++) await undefined
  if (isSettled) return work
  let waited = 0
  let idleTurns = 0
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    if (isSettled) return work
    const wait = clock.untilNextTimer
    if (wait === undefined) {
      if (++idleTurns > MOST_IDLE_TURNS) throw new Violation('never stuck', 'a call waits for nothing')
      continue
    }
    idleTurns = 0
    // Not by the clock, which jumps.
    waited += wait
    if (waited > LONGEST_MS) throw new Violation('never stuck', 'a call takes more than a quarter of an hour')
    await clock.advance(wait)
  }
}
