import { afterEndCheck, withoutIterator } from './end-of-shard.ts'
import { continueReading, limitRate } from './poll-interval.ts'
import { ITERATOR_LIFE_MS, noFailure, type ReadState } from './read-state.ts'
import { afterRefusedTrimHorizon } from './refused-position.ts'
import { afterFailure, afterNotFound, gap } from './retry-failed-read.ts'
import { type Outcome, type Page, reopen, type Step, type StepContext } from './step.ts'

/**
 * How many consecutive empty pages show that nothing is left to read. DynamoDB Streams returns about five
 * empty pages while an iterator crosses an empty stretch at the start or in the middle of a shard, so one
 * more is needed.
 */
export const EMPTY_PAGES_TO_CROSS = 6 as const

/**
 * A closed shard ends with a page without a next iterator. Polling slows down after this many empty pages
 * before that one.
 */
const EMPTY_PAGES_OF_CLOSED_SHARD = 100

/**
 * Decides what to do with a shard after a read, or after another call that the read led to. It is a pure
 * function, and so is every function that it calls: from the state of the shard, the outcome and the context,
 * it computes a new state and an action.
 */
export function nextStep(state: ReadState, outcome: Outcome, context: StepContext): Step {
  switch (outcome.kind) {
    case 'page':
      return afterPage(state, outcome, context)
    case 'failed':
      return afterFailure(state, outcome.failed, context)
    case 'unsettledTrimmed':
      return gap(state, 'position-trimmed', undefined)
    case 'trimHorizonProbed':
      if (!outcome.isReadable) return afterRefusedTrimHorizon(state, context)
      return reopen({ ...state, isTrimHorizonReadable: true }, context.now)
    case 'streamExists':
      return afterNotFound(state, outcome.failed, context)
    case 'endChecked':
      return afterEndCheck(state, outcome.wasListed, context)
  }
}

/** Handles a page of GetRecords. */
function afterPage(state: ReadState, page: Page, context: StepContext): Step {
  const read = limitRate(
    page.records === 0 ? afterEmptyPage(state, context) : afterRecords(state, page),
    page,
    context,
  )
  const { nextIterator } = page
  const afterSuccess: ReadState = {
    ...read,
    iterator: nextIterator,
    // An endpoint that has omitted the iterator for an open shard may do so again: that proves nothing.
    hasShownEnd: nextIterator === undefined && state.openConfirmations === 0,
    iteratorExpiresAt: context.polledAt + ITERATOR_LIFE_MS,
    unsettledStart: state.unsettledStart === 'used' ? 'unused' : state.unsettledStart,
    isTrimHorizonReadable: false,
    isRefused: false,
    refusals: 0,
    refusalsSinceEnd: 0,
    ...noFailure,
  }
  if (nextIterator === undefined) return withoutIterator(afterSuccess, context)
  // This endpoint returns next iterators for open shards, so a missing one is significant again.
  return continueReading(
    { ...afterSuccess, openConfirmations: 0, assumedOpenUntil: Number.NEGATIVE_INFINITY },
    context,
  )
}

function afterEmptyPage(state: ReadState, { isClosed, readNumber }: StepContext): ReadState {
  if (readNumber <= state.lastStaleRead) return state
  const emptyPages = state.emptyPages + 1
  return {
    ...state,
    emptyPages,
    idlePolls: state.atTip ? state.idlePolls + 1 : state.idlePolls,
    atTip: state.atTip || emptyPages >= (isClosed ? EMPTY_PAGES_OF_CLOSED_SHARD : EMPTY_PAGES_TO_CROSS),
  }
}

function afterRecords(state: ReadState, { admitted, isFull }: Page): ReadState {
  // All records were skipped, but others may follow that are not: the service may end a page anywhere.
  if (admitted === 0) return { ...state, ...oneEmptyPageToTip, idlePolls: 0 }
  return { ...state, emptyPages: 0, idlePolls: 0, atTip: state.atTip && !isFull }
}

/** It is no longer known whether anything is left to read; one empty page will show that nothing is. */
const oneEmptyPageToTip: Pick<ReadState, 'atTip' | 'emptyPages'> = {
  atTip: false,
  emptyPages: EMPTY_PAGES_TO_CROSS - 1,
}

/** Records may have been written that the reads up to number `lastStaleRead` cannot show. */
export function invalidateTip(state: ReadState, lastStaleRead: number): ReadState {
  return { ...state, ...(state.atTip && oneEmptyPageToTip), lastStaleRead }
}
