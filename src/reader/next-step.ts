import type { GapReason } from '../core/errors.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import { classifyError, isInvalidRequest } from '../streams-api/classify-error.ts'
import {
  extendStreak,
  type FailureStreak,
  STALLED_AFTER_MS,
  streakMs,
} from '../streams-api/failure-streak.ts'
import { CallTimeout, retryDelayMs } from '../streams-api/retry.ts'
import type { IteratorStart } from '../streams-api/streams-api.ts'
import { consumeToken, fullBucket, type TokenBucket } from './token-bucket.ts'

/*
 * What happens next to a shard after a read, or after another call that was made because of one: a pure function from what
 * is known of the shard, the outcome and the time to an action. `ReadSession` carries the actions out.
 */

/**
 * How many empty pages in a row show that nothing is left to read. DynamoDB Streams returns about five empty pages
 * while an iterator crosses an empty stretch of a shard, at its start or in the middle; so it takes one more.
 */
export const EMPTY_PAGES_TO_CROSS = 6 as const

/** A closed shard ends with a page without a next iterator. If it does not after this many empty ones, we slow down. */
const EMPTY_PAGES_OF_CLOSED_SHARD = 100

/** Records older than this (ms) are a backlog, to be fetched without a pause. */
const BACKLOG_AGE_MS = 60_000

/** For how long a listing that shows a shard as open is believed at most, in ms. */
const LONGEST_ASSUMED_OPEN_MS = 10_000

/**
 * How often in a row the oldest position of a closed shard must be refused before the shard is finished. Once may only mean that
 * its oldest record was trimmed between GetShardIterator and GetRecords.
 */
const REFUSALS_OF_CLOSED_SHARD = 5

/** How often in a row it must be refused before an open shard, which is read again in any case, counts as having nothing new. */
const REFUSALS_OF_OPEN_SHARD = 2

/**
 * In how many calls a shard that is too young to have been trimmed must be unknown to the service before it is given up, and
 * how far apart (ms) these are at least: five minutes altogether. It was listed, so the other calls will know it. A burst of
 * errors counts once, as the consumer, or the process, may be away before the next one.
 */
const YOUNG_SHARD_NOT_FOUND = 5
const YOUNG_SHARD_NOT_FOUND_STEP_MS = 75_000

/** How often an older shard must be unknown to the service, one call after the other, to be given up. */
const OLD_SHARD_NOT_FOUND = 2

/** What is known of reading one shard. A step makes a new one. Times are monotonic, in ms. */
export interface ReadState {
  readonly iterator: string | undefined
  readonly iteratorExpiresAt: number
  /** Whether it was seen that nothing is left to read. */
  readonly atTip: boolean
  readonly emptyPages: number
  /** Reads up to this number show nothing about the tip: the consumer was away, or the process suspended. */
  readonly lastStaleRead: number
  /** Empty responses in a row at the tip; the pauses grow with them. */
  readonly idlePolls: number
  /** Failed calls in a row. */
  readonly failures: number
  readonly failureStreak: FailureStreak | undefined
  readonly notFound: NotFoundStreak | undefined
  /** It has been failing for so long that the merge no longer waits for it. */
  readonly isStalled: boolean
  /** How often a listing showed it as open though it had no next iterator, and until when that is believed. */
  readonly openConfirmations: number
  readonly assumedOpenUntil: number
  /** Its last page had no next iterator, and no listing has shown since that it is open: it was read to its end. */
  readonly hasShownEnd: boolean
  /** Whether its oldest position could be read just now, so that a position that is refused was trimmed. */
  readonly isTrimHorizonReadable: boolean
  /** Its last call that was answered was refused, with an iterator of whatever age: only a new one shows what is left. */
  readonly isRefused: boolean
  /** How often in a row even its oldest position was refused, and how often since it is known that no record will be added. */
  readonly refusals: number
  readonly refusalsSinceEnd: number
  /** The service rejects the sequence number that its own listing gives as the first. */
  readonly rejectsFirstNumber: boolean
  /** Not to be read before this time. */
  readonly notBefore: number
  readonly bucket: TokenBucket
}

/** How often in a row the service did not know the shard. */
interface NotFoundStreak {
  readonly count: number
  /** The same without those that came soon after the one counted before, and when (monotonic ms) the last one was counted. */
  readonly spacedCount: number
  readonly countedAt: number
}

export const initialReadState: ReadState = {
  iterator: undefined,
  iteratorExpiresAt: 0,
  atTip: false,
  emptyPages: 0,
  lastStaleRead: Number.NEGATIVE_INFINITY,
  idlePolls: 0,
  failures: 0,
  failureStreak: undefined,
  notFound: undefined,
  isStalled: false,
  openConfirmations: 0,
  assumedOpenUntil: Number.NEGATIVE_INFINITY,
  hasShownEnd: false,
  isTrimHorizonReadable: false,
  isRefused: false,
  refusals: 0,
  refusalsSinceEnd: 0,
  rejectsFirstNumber: false,
  notBefore: 0,
  bucket: fullBucket,
}

export interface FailedCall {
  readonly operation: 'GetShardIterator' | 'GetRecords' | 'DescribeStream'
  /** Where the iterator was to start, if that is the call that failed. */
  readonly start?: IteratorStart | undefined
  readonly error: unknown
}

export type Outcome =
  /** GetRecords returned a page. */
  | {
      readonly kind: 'page'
      /** How many records it holds, and how many of them are new and wanted. */
      readonly records: number
      readonly admitted: number
      /** Whether it was as large as pages get. */
      readonly isFull: boolean
      /** When its last record was created (ms, the service's time). */
      readonly newestAt: number | undefined
      readonly nextIterator: string | undefined
    }
  /** A call failed. */
  | { readonly kind: 'failed'; readonly failed: FailedCall }
  /** The oldest position was tried, because the shard's own one was refused. */
  | { readonly kind: 'trimHorizonProbed'; readonly isReadable: boolean }
  /** The service did not know the shard, but it knows the stream. */
  | { readonly kind: 'streamExists'; readonly failed: FailedCall }
  /** A page had no next iterator, and a listing (or, not `wasListed`, the shard's children) was looked at. */
  | { readonly kind: 'endChecked'; readonly wasListed: boolean }

export type Action =
  /** Read it again at a time (monotonic ms), after a failure or otherwise. */
  | { readonly do: 'read'; readonly at: number; readonly retry?: Retry }
  /** Leave it alone: enough of its records are buffered. */
  | { readonly do: 'pause' }
  /** Have a listing show whether it is closed. */
  | { readonly do: 'checkEnd'; readonly isFirstCheck: boolean }
  /** It was read to its end. */
  | { readonly do: 'finish' }
  /** It has expired, and no record that was promised went with it. */
  | { readonly do: 'expire' }
  /** Records were trimmed before they were read. */
  | { readonly do: 'reportGap'; readonly reason: GapReason; readonly cause: unknown }
  /** The shard's position was refused. Try the oldest one: either the position was trimmed, or all of an open shard. */
  | { readonly do: 'probeTrimHorizon'; readonly failed: FailedCall }
  /** The service does not know the shard. Find out whether it knows the stream. */
  | { readonly do: 'describeStream'; readonly failed: FailedCall }
  /** Surface the error to the caller. */
  | { readonly do: 'fail'; readonly error: unknown }

/** What to report of a call that will be made again. */
export interface Retry {
  readonly operation: FailedCall['operation']
  readonly attempt: number
  readonly delayMs: number
  readonly error: unknown
  /** For how long the shard has been failing (ms), if this made it stalled. */
  readonly stalledForMs: number | undefined
}

/** What a step depends on besides the state and the outcome. */
export interface StepContext {
  /** Monotonic ms. */
  readonly now: number
  /** Since when the consumer has been asking for records without a break (monotonic ms). */
  readonly presentSince: number
  /** The service's time (ms). */
  readonly serviceNow: number
  readonly random: () => number
  readonly idlePollMs: { readonly min: number; readonly max: number }
  /** The number of its last read, counted over all shards, and when it started (monotonic ms). */
  readonly readNumber: number
  readonly polledAt: number
  /** Whether a caller is waiting for this shard's next response. */
  readonly isAwaited: boolean
  /** Whether enough of its records are buffered, and whether any are. */
  readonly isPrefetched: boolean
  readonly hasBuffered: boolean
  /** Whether it is known that no record will be added, as of now and as of the start of its last read. */
  readonly hasEnded: boolean
  readonly hadEnded: boolean
  readonly isClosed: boolean
  /** When the shard was created (ms), as far as its id says. */
  readonly createdAt: number | undefined
  /** Whether a record that was trimmed by now would be a gap, and whether the whole shard would be. */
  readonly losesTrimmed: boolean
  readonly losesShard: boolean
}

export interface Step {
  readonly state: ReadState
  /** Undefined: nothing changes. */
  readonly action: Action | undefined
  /** Whether this answers a caller that asked whether the shard has anything new. */
  readonly isAnswer?: boolean
}

export function nextStep(state: ReadState, outcome: Outcome, context: StepContext): Step {
  switch (outcome.kind) {
    case 'page':
      return afterPage(state, outcome, context)
    case 'failed':
      return afterFailure(state, outcome.failed, context)
    case 'trimHorizonProbed':
      if (!outcome.isReadable) return nothingLeft(state, context)
      return reopen({ ...state, isTrimHorizonReadable: true }, context.now)
    case 'streamExists':
      return afterNotFound(state, outcome.failed, context)
    case 'endChecked':
      return afterEndCheck(state, outcome.wasListed, context)
  }
}

// ---- Pages -----------------------------------------------------------------------------------------------------------

type Page = Extract<Outcome, { kind: 'page' }>

function afterPage(state: ReadState, page: Page, context: StepContext): Step {
  const read = limitRate(
    page.records === 0 ? afterEmptyPage(state, context) : afterRecords(state, page),
    page,
    context,
  )
  const { nextIterator } = page
  const answered: ReadState = {
    ...read,
    iterator: nextIterator,
    // Where it was left out while the shard was open, that may happen again.
    hasShownEnd: nextIterator === undefined && state.openConfirmations === 0,
    iteratorExpiresAt: context.polledAt + ITERATOR_LIFE_MS,
    isTrimHorizonReadable: false,
    isRefused: false,
    refusals: 0,
    refusalsSinceEnd: 0,
    ...noFailure,
  }
  if (nextIterator === undefined) return withoutIterator(answered, context)
  // It is not left out by habit: when it is, that means something.
  return continueReading(
    { ...answered, openConfirmations: 0, assumedOpenUntil: Number.NEGATIVE_INFINITY },
    context,
  )
}

/** A shard iterator can be used for 15 minutes after it was returned (API reference, GetShardIterator). */
export const ITERATOR_LIFE_MS: number = 15 * 60_000

const noFailure: Pick<ReadState, 'failures' | 'failureStreak' | 'notFound' | 'isStalled'> = {
  failures: 0,
  failureStreak: undefined,
  notFound: undefined,
  isStalled: false,
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
  // None of them is wanted, but more may follow: the service ends pages where it likes.
  if (admitted === 0) return { ...state, ...oneEmptyPageToTip, idlePolls: 0 }
  return { ...state, emptyPages: 0, idlePolls: 0, atTip: state.atTip && !isFull }
}

/** It is no longer known whether something is left to read; one empty page will show. */
const oneEmptyPageToTip: Pick<ReadState, 'atTip' | 'emptyPages'> = {
  atTip: false,
  emptyPages: EMPTY_PAGES_TO_CROSS - 1,
}

/** Something may have been written meanwhile that reads up to number `lastStaleRead` do not show. */
export function invalidateTip(state: ReadState, lastStaleRead: number): ReadState {
  return { ...state, ...(state.atTip && oneEmptyPageToTip), lastStaleRead }
}

/**
 * Limits the calls to a shard that is written to all the time: each page would hold a few new records, and so it would be
 * read without a pause. Old records and full pages are a backlog, and are not limited.
 */
function limitRate(state: ReadState, page: Page, { now, serviceNow }: StepContext): ReadState {
  const { isFull, newestAt } = page
  if (isFull || newestAt === undefined || newestAt < serviceNow - BACKLOG_AGE_MS)
    return { ...state, notBefore: 0 }
  const { bucket, waitMs } = consumeToken(state.bucket, now)
  return { ...state, bucket, notBefore: now + waitMs }
}

/** The shard is open, and has answered: read it again when it is time. */
function continueReading(state: ReadState, context: StepContext): Step {
  const isAnswer = state.atTip || context.hasBuffered
  if (context.isPrefetched) return { state, action: { do: 'pause' }, isAnswer }
  return { state, action: { do: 'read', at: nextPollAt(state, context) }, isAnswer }
}

/** When a shard that has answered is read again: at once while it has a backlog, after a pause at the tip. */
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

// ---- The end of a shard ----------------------------------------------------------------------------------------------

/**
 * A page had no next iterator. That is the end of a shard that was known to be closed before it was read. For any other it
 * means nothing yet: emulators leave the iterator out on open shards, and records may have been written since.
 */
function withoutIterator(state: ReadState, context: StepContext): Step {
  if (context.hadEnded) return { state, action: { do: 'finish' } }
  if (context.hasEnded) return reopen(state, context.now)
  if (context.now < state.assumedOpenUntil) return continueReading(state, context)
  const isFirstCheck = state.openConfirmations === 0
  return { state, action: { do: 'checkEnd', isFirstCheck }, isAnswer: !isFirstCheck }
}

function afterEndCheck(state: ReadState, wasListed: boolean, context: StepContext): Step {
  if (context.hasEnded) return reopen(state, context.now)
  if (!wasListed) return { state, action: undefined }
  // Listed as open: an emulator's habit, or the listing lags behind.
  const openMs = Math.min(LONGEST_ASSUMED_OPEN_MS, 500 * 2 ** state.openConfirmations)
  const open = {
    ...state,
    openConfirmations: state.openConfirmations + 1,
    hasShownEnd: false,
    assumedOpenUntil: context.now + openMs,
  }
  return continueReading(open, context)
}

/**
 * Read with a new iterator, which has its own stretch of empty pages to cross: it is no longer known whether something is
 * left to read.
 */
export function withoutCurrentIterator(state: ReadState): ReadState {
  return { ...state, iterator: undefined, atTip: false, emptyPages: 0, idlePolls: 0 }
}

function reopen(state: ReadState, now: number): Step {
  return { state: withoutCurrentIterator(state), action: { do: 'read', at: now } }
}

// ---- Failures --------------------------------------------------------------------------------------------------------

function afterFailure(state: ReadState, failed: FailedCall, context: StepContext): Step {
  const { error, operation, start } = failed
  if (error instanceof CallTimeout) return retry(state, failed, context)
  switch (classifyError(error)) {
    case 'expired':
      if (hadOldIterator(state, failed, context)) return reopen(state, context.now)
      // The read has opened it: the service has a problem, and a pause is due.
      return retry(withoutCurrentIterator(state), failed, context)
    case 'trimmed':
      if (hasBeenRead(state, context)) return { state, action: { do: 'finish' } }
      if (!context.losesTrimmed) {
        return hadOldIterator(state, failed, context)
          ? refusedWithOldIterator(state, context)
          : nothingLeft(state, context)
      }
      // DynamoDB Local returns it for every GetRecords while all of an open shard is trimmed, until the next write.
      if (operation !== 'GetRecords' || context.hasEnded || state.isTrimHorizonReadable) {
        return gap(state, 'position-trimmed', error)
      }
      return { state, action: { do: 'probeTrimHorizon', failed } }
    case 'notFound':
      // Of DescribeStream: the stream itself is gone.
      if (operation === 'DescribeStream') return { state, action: { do: 'fail', error } }
      return { state, action: { do: 'describeStream', failed } }
    case 'retry':
    case 'aborted':
      return retry(state, failed, context)
    case 'fatal':
      // Not every emulator accepts AT_SEQUENCE_NUMBER for a number that never was a record's.
      if (start?.type === 'AT_SEQUENCE_NUMBER' && isInvalidRequest(error)) {
        return reopen({ ...state, rejectsFirstNumber: true }, context.now)
      }
      return { state, action: { do: 'fail', error } }
  }
}

/** Whether the read that failed was made with an iterator that an earlier read had left. */
function hadOldIterator(
  { iteratorExpiresAt }: ReadState,
  { operation }: FailedCall,
  { polledAt }: StepContext,
): boolean {
  return operation === 'GetRecords' && iteratorExpiresAt < polledAt + ITERATOR_LIFE_MS
}

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
      // A shard that was refused is judged by new iterators only.
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

/** The service does not know the shard, though it knows the stream. */
function afterNotFound(state: ReadState, failed: FailedCall, context: StepContext): Step {
  const { createdAt, now, serviceNow } = context
  const notFound = extendNotFound(state.notFound, now)
  const isYoung = createdAt !== undefined && createdAt > serviceNow - RETENTION_MS
  const isGone = isYoung
    ? notFound.spacedCount >= YOUNG_SHARD_NOT_FOUND
    : notFound.count >= OLD_SHARD_NOT_FOUND
  if (!isGone) return retry(withoutCurrentIterator({ ...state, notFound }), failed, context)
  if (hasBeenRead(state, context)) return { state, action: { do: 'finish' } }
  return context.losesShard ? gap(state, 'shard-vanished', failed.error) : { state, action: { do: 'expire' } }
}

function extendNotFound(streak: NotFoundStreak | undefined, now: number): NotFoundStreak {
  if (streak === undefined) return { count: 1, spacedCount: 1, countedAt: now }
  const count = streak.count + 1
  if (now - streak.countedAt < YOUNG_SHARD_NOT_FOUND_STEP_MS) return { ...streak, count }
  return { count, spacedCount: streak.spacedCount + 1, countedAt: now }
}

/** Whether it was read to its end, and has expired before another read could confirm that. */
function hasBeenRead(state: ReadState, { hasEnded }: StepContext): boolean {
  return state.hasShownEnd && hasEnded
}

/** What the iterator pointed to may have been trimmed since, with more behind it: a new one will show. */
function refusedWithOldIterator(state: ReadState, { now }: StepContext): Step {
  const refused = { ...state, iterator: undefined, isRefused: true }
  return { state: refused, action: { do: 'read', at: now } }
}

/** Even the oldest position is refused, as it is while all of a shard is trimmed. A closed one has nothing to come. */
function nothingLeft(state: ReadState, context: StepContext): Step {
  const { hadEnded, hasEnded, now } = context
  const refusals = state.refusals + 1
  const refusalsSinceEnd = hadEnded ? state.refusalsSinceEnd + 1 : 0
  const isEmpty = !hasEnded && refusals >= REFUSALS_OF_OPEN_SHARD
  const idle: ReadState = {
    ...state,
    ...noFailure,
    iterator: undefined,
    isRefused: true,
    // One that has ended is about to make room for its children, and the merge waits for those.
    atTip: isEmpty && context.readNumber > state.lastStaleRead,
    idlePolls: state.idlePolls + 1,
    refusals,
    refusalsSinceEnd,
  }
  if (refusalsSinceEnd >= REFUSALS_OF_CLOSED_SHARD) return { state: idle, action: { do: 'finish' } }
  const at = nextPollAt({ ...idle, atTip: true }, { ...context, polledAt: now })
  return { state: idle, action: { do: 'read', at }, isAnswer: isEmpty }
}

function gap(state: ReadState, reason: GapReason, cause: unknown): Step {
  return { state: withoutCurrentIterator(state), action: { do: 'reportGap', reason, cause } }
}
