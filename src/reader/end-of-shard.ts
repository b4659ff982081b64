import { continueReading } from './poll-interval.ts'
import type { ReadState } from './read-state.ts'
import { reopen, type Step, type StepContext } from './step.ts'

/** The longest time for which a listing that shows a shard as open is trusted, in ms. */
const LONGEST_ASSUMED_OPEN_MS = 10_000

/**
 * Handles a page without a next iterator. For a shard that was known to be closed before the read, that is
 * the end. For any other shard it proves nothing: some emulators omit the iterator for open shards, and
 * further records may have been written before the shard closed.
 */
export function withoutIterator(state: ReadState, context: StepContext): Step {
  if (context.hadEnded) return { state, action: { do: 'finish' } }
  if (context.hasEnded) return reopen(state, context.now)
  if (context.now < state.assumedOpenUntil) return continueReading(state, context)
  const isFirstCheck = state.openConfirmations === 0
  return { state, action: { do: 'checkEnd', isFirstCheck }, isPolled: !isFirstCheck }
}

/** Handles a listing that was made to find out whether a shard has ended. */
export function afterEndCheck(state: ReadState, wasListed: boolean, context: StepContext): Step {
  if (context.hasEnded) return reopen(state, context.now)
  if (!wasListed) return { state, action: undefined }
  // Listed as open: the endpoint omits next iterators for open shards, or the listing lags behind.
  const openMs = Math.min(LONGEST_ASSUMED_OPEN_MS, 500 * 2 ** state.openConfirmations)
  const open = {
    ...state,
    openConfirmations: state.openConfirmations + 1,
    hasShownEnd: false,
    assumedOpenUntil: context.now + openMs,
  }
  return continueReading(open, context)
}
