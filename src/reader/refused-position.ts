import { nextPollAt } from './poll-interval.ts'
import { noFailure, type ReadState } from './read-state.ts'
import type { Step, StepContext } from './step.ts'

/**
 * How many consecutive times the oldest position of a closed shard must be refused before the shard is
 * finished. A single refusal may only mean that its oldest record was trimmed between GetShardIterator and
 * GetRecords.
 */
const REFUSALS_OF_CLOSED_SHARD = 5

/**
 * How many consecutive refusals show that an open shard has nothing new. Fewer than for a closed one, because
 * an open shard is polled again in any case.
 */
const REFUSALS_OF_OPEN_SHARD = 2

/** Replaces an older iterator that was refused: its position was trimmed, but later records may be left. */
export function replaceRefusedIterator(state: ReadState, { now }: StepContext): Step {
  const refused = { ...state, iterator: undefined, isRefused: true }
  return { state: refused, action: { do: 'read', at: now } }
}

/**
 * Handles a refusal of the oldest position, which occurs while all records of a shard are trimmed. If it is
 * closed, it is finished after several refusals, because no more records will be written.
 */
export function afterRefusedTrimHorizon(state: ReadState, context: StepContext): Step {
  const { hadEnded, hasEnded, now } = context
  const refusals = state.refusals + 1
  const refusalsSinceEnd = hadEnded ? state.refusalsSinceEnd + 1 : 0
  const isEmpty = !hasEnded && refusals >= REFUSALS_OF_OPEN_SHARD
  const idle: ReadState = {
    ...state,
    ...noFailure,
    iterator: undefined,
    isRefused: true,
    // The merge must wait for a shard that has ended, because its children come next.
    atTip: isEmpty && context.readNumber > state.lastStaleRead,
    idlePolls: state.idlePolls + 1,
    refusals,
    refusalsSinceEnd,
  }
  if (refusalsSinceEnd >= REFUSALS_OF_CLOSED_SHARD) return { state: idle, action: { do: 'finish' } }
  const at = nextPollAt({ ...idle, atTip: true }, { ...context, polledAt: now })
  return { state: idle, action: { do: 'read', at }, isPolled: isEmpty }
}
