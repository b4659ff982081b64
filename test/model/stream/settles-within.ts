import type { ManualClock } from '../../../src/testing/index.ts'
import { BUFFERED_TURNS } from '../settle.ts'

/** Advances the clock until `work` settles, by at most `ms`. Returns whether it has settled. */
export async function settlesWithin(
  clock: ManualClock,
  ms: number,
  work: Promise<unknown>,
): Promise<boolean> {
  let isDone = false
  const done = () => {
    isDone = true
  }
  work.then(done, done)
  for (let turn = 0; turn < BUFFERED_TURNS && !isDone; turn++) await undefined
  let left = ms
  while (!isDone) {
    await clock.advance(0)
    if (isDone || left <= 0) break
    const wait = Math.min(left, clock.untilNextTimer ?? left)
    left -= wait
    await clock.advance(wait)
  }
  return isDone
}
