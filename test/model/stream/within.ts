import type { ManualClock } from '../../../src/testing/index.ts'

/** Promise callbacks that an item takes, at most, when it is buffered. */
const BUFFERED_HOPS = 12

/** Lets time pass until `work` is done, but no more than `ms`. Returns whether it is done. */
export async function within(clock: ManualClock, ms: number, work: Promise<unknown>): Promise<boolean> {
  let isDone = false
  const done = () => {
    isDone = true
  }
  work.then(done, done)
  for (let hop = 0; hop < BUFFERED_HOPS && !isDone; hop++) await undefined
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
