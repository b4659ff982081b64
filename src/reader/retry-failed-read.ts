import type { GapReason } from '../core/errors.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import { classifyError, isInvalidRequest } from '../streams-api/classify-error.ts'
import { extendStreak, STALLED_AFTER_MS, streakMs } from '../streams-api/failure-streak.ts'
import { CallTimeout, retryDelayMs } from '../streams-api/retry.ts'
import {
  ITERATOR_LIFE_MS,
  type NotFoundStreak,
  type ReadState,
  withoutCurrentIterator,
} from './read-state.ts'
import { afterRefusedTrimHorizon, replaceRefusedIterator } from './refused-position.ts'
import { type FailedCall, reopen, type Step, type StepContext } from './step.ts'

/**
 * How many calls must fail because the service does not know a shard that is too young to have been trimmed,
 * and how far apart (ms) they must be at least, before the shard is given up. That takes at least five
 * minutes: the shard was listed, so the other calls should find it soon. A burst of errors counts once,
 * because the consumer, or the process, may be suspended before the next call.
 */
const YOUNG_SHARD_NOT_FOUND = 5
const YOUNG_SHARD_NOT_FOUND_STEP_MS = 75_000

/** How many consecutive calls must fail in that way before an older shard is given up. */
const OLD_SHARD_NOT_FOUND = 2

/** Handles a failed call, by the kind of its error. */
export function afterFailure(state: ReadState, failed: FailedCall, context: StepContext): Step {
  const { error, operation, start } = failed
  if (error instanceof CallTimeout) return retry(state, failed, context)
  switch (classifyError(error)) {
    case 'expired':
      if (hadOldIterator(state, failed, context)) return reopen(state, context.now)
      // This read opened the iterator, so the error is the service's: retry after a pause.
      return retry(withoutCurrentIterator(state), failed, context)
    case 'trimmed':
      if (hasBeenRead(state, context)) return { state, action: { do: 'finish' } }
      if (!context.losesTrimmed) {
        return hadOldIterator(state, failed, context)
          ? replaceRefusedIterator(state, context)
          : afterRefusedTrimHorizon(state, context)
      }
      // The records that were trimmed may all be settled.
      if (context.hasUnsettledStart && !context.opensAtUnsettled && state.unsettledStart === 'unused') {
        return reopen({ ...state, unsettledStart: 'used' }, context.now)
      }
      // DynamoDB Local fails every GetRecords this way while all records of an open shard are trimmed.
      if (operation !== 'GetRecords' || context.hasEnded || state.isTrimHorizonReadable) {
        return gap(state, 'position-trimmed', error)
      }
      return { state, action: { do: 'probeTrimHorizon', failed } }
    case 'notFound':
      // The stream itself no longer exists.
      if (operation === 'DescribeStream') return { state, action: { do: 'fail', error } }
      return { state, action: { do: 'describeStream', failed } }
    case 'retry':
    case 'aborted':
      return retry(state, failed, context)
    case 'fatal':
      // Not every emulator accepts AT_SEQUENCE_NUMBER for a number that never belonged to a record.
      if (start?.type === 'AT_SEQUENCE_NUMBER' && isInvalidRequest(error)) {
        const rejected: Partial<ReadState> = context.opensAtUnsettled
          ? { unsettledStart: 'rejected' }
          : { rejectsFirstNumber: true }
        return reopen({ ...state, ...rejected }, context.now)
      }
      return { state, action: { do: 'fail', error } }
  }
}

/**
 * Retries a failed call after a pause with full jitter. The shard is stalled once it has failed for too long.
 */
function retry(state: ReadState, { operation, error }: FailedCall, context: StepContext): Step {
  const { now, random } = context
  const failures = state.failures + 1
  const failureStreak = extendStreak(state.failureStreak, now, context.presentSince)
  const failingForMs = streakMs(failureStreak)
  const isStalled = state.isStalled || failingForMs >= STALLED_AFTER_MS
  const delayMs = retryDelayMs(failures, random)
  return {
    state: {
      ...state,
      failures,
      failureStreak,
      isStalled,
      // After a refusal, only a new iterator shows what is left.
      iterator: state.isRefused ? undefined : state.iterator,
    },
    action: {
      do: 'read',
      at: now + delayMs,
      retry: {
        operation,
        attempt: failures,
        delayMs,
        error,
        stalledForMs: isStalled && !state.isStalled ? failingForMs : undefined,
      },
    },
  }
}

/** Handles a shard that the service does not know, although it knows the stream. */
export function afterNotFound(state: ReadState, failed: FailedCall, context: StepContext): Step {
  const { createdAt, now, serviceNow } = context
  const notFound = extendNotFound(state.notFound, now)
  const isYoung = createdAt !== undefined && createdAt > serviceNow - RETENTION_MS
  const isGivenUp = isYoung
    ? notFound.spacedCount >= YOUNG_SHARD_NOT_FOUND
    : notFound.count >= OLD_SHARD_NOT_FOUND
  if (!isGivenUp) return retry(withoutCurrentIterator({ ...state, notFound }), failed, context)
  if (hasBeenRead(state, context)) return { state, action: { do: 'finish' } }
  return context.losesShard ? gap(state, 'shard-vanished', failed.error) : { state, action: { do: 'expire' } }
}

function extendNotFound(streak: NotFoundStreak | undefined, now: number): NotFoundStreak {
  if (streak === undefined) return { count: 1, spacedCount: 1, countedAt: now }
  const count = streak.count + 1
  if (now - streak.countedAt < YOUNG_SHARD_NOT_FOUND_STEP_MS) return { ...streak, count }
  return { count, spacedCount: streak.spacedCount + 1, countedAt: now }
}

/** Whether the failed read used an iterator that an earlier read had returned or opened. */
function hadOldIterator(
  { iteratorExpiresAt }: ReadState,
  { operation }: FailedCall,
  { polledAt }: StepContext,
): boolean {
  return operation === 'GetRecords' && iteratorExpiresAt < polledAt + ITERATOR_LIFE_MS
}

/** Whether the shard was read to its end, and expired before another read could confirm that. */
function hasBeenRead(state: ReadState, { hasEnded }: StepContext): boolean {
  return state.hasShownEnd && hasEnded
}

/** Records were trimmed before they were read. */
export function gap(state: ReadState, reason: GapReason, cause: unknown): Step {
  return { state: withoutCurrentIterator(state), action: { do: 'reportGap', reason, cause } }
}
