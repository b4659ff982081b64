import type { ReadState } from './read-state.ts'
import type { Page, Step, StepContext } from './step.ts'
import { consumeToken } from './token-bucket.ts'

/** Records older than this (ms) are a backlog, which is fetched without pauses. */
const BACKLOG_AGE_MS = 60_000

/** Schedules the next read of a shard after a page that is not known to be its last one. */
export function continueReading(state: ReadState, context: StepContext): Step {
  const isPolled = state.atTip || context.hasBuffered
  if (context.isPrefetched) return { state, action: { do: 'pause' }, isPolled }
  return { state, action: { do: 'read', at: nextPollAt(state, context) }, isPolled }
}

/**
 * When to read a shard next after a page (monotonic ms): immediately while it has a backlog, after a pause at
 * the tip. The pause grows from `idlePollMs.min` by half per empty poll up to `idlePollMs.max`, and is `min`
 * while a caller waits.
 */
export function nextPollAt(
  state: Pick<ReadState, 'atTip' | 'idlePolls' | 'notBefore'>,
  {
    polledAt,
    now,
    isAwaited,
    idlePollMs,
  }: Pick<StepContext, 'polledAt' | 'now' | 'isAwaited' | 'idlePollMs'>,
): number {
  if (!state.atTip) return Math.max(now, state.notBefore)
  const { min, max } = idlePollMs
  const pauseMs = isAwaited ? min : Math.round(Math.min(max, min * 1.5 ** Math.min(20, state.idlePolls)))
  return Math.max(polledAt + pauseMs, state.notBefore)
}

/**
 * Limits the rate of calls to a shard that is written to all the time: each page would contain a few new
 * records, so the shard would be read without pauses. Old records and full pages are a backlog, which is not
 * limited.
 */
export function limitRate(state: ReadState, page: Page, { now, serviceNow }: StepContext): ReadState {
  const { isFull, newestAt } = page
  if (isFull || newestAt === undefined || newestAt < serviceNow - BACKLOG_AGE_MS)
    return { ...state, notBefore: 0 }
  const { bucket, waitMs } = consumeToken(state.bucket, now)
  return { ...state, bucket, notBefore: now + waitMs }
}
