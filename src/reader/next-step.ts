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
 * What to do with a shard after a read, or after another call that the read led to: a pure function from the
 * state of the shard, the outcome and the time to an action. `ReadSession` carries out the actions.
 */

/**
 * How many consecutive empty pages show that nothing is left to read. DynamoDB Streams returns about five
 * empty pages while an iterator crosses an empty stretch at the start or in the middle of a shard, so one
 * more is needed.
 */
export const EMPTY_PAGES_TO_CROSS = 6 as const

/**
 * A closed shard ends with a page without a next iterator. If none comes within this many empty pages,
 * polling slows.
 */
const EMPTY_PAGES_OF_CLOSED_SHARD = 100

/** Records older than this (ms) are a backlog, which is fetched without pauses. */
const BACKLOG_AGE_MS = 60_000

/** How long a listing that shows a shard as open is trusted, at most, in ms. */
const LONGEST_ASSUMED_OPEN_MS = 10_000

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

/**
 * How many calls must fail because the service does not know a shard that is too young to have been trimmed,
 * and how far apart (ms) they must be at least, before the shard is given up. That takes at least five
 * minutes: the shard was listed, so the other calls should find it soon. A burst of errors counts once,
 * because the consumer, or the process, may be suspended before the next call.
 */
const YOUNG_SHARD_NOT_FOUND = 5
const YOUNG_SHARD_NOT_FOUND_STEP_MS = 75_000

/** How many consecutive calls must not find an older shard before it is given up. */
const OLD_SHARD_NOT_FOUND = 2

/** The state of reading one shard. Each step returns a new one. Times are monotonic, in ms. */
export interface ReadState {
  readonly iterator: string | undefined
  readonly iteratorExpiresAt: number
  /** Whether a read has shown that nothing is left to read. */
  readonly atTip: boolean
  /** Consecutive empty pages before the tip. */
  readonly emptyPages: number
  /**
   * Reads up to this number show nothing about the tip: the consumer was away, or the process was suspended.
   */
  readonly lastStaleRead: number
  /** Consecutive empty responses at the tip; the poll interval grows with them. */
  readonly idlePolls: number
  /** Consecutive failed calls. */
  readonly failures: number
  readonly failureStreak: FailureStreak | undefined
  readonly notFound: NotFoundStreak | undefined
  /** Whether it has been failing for so long that the merge no longer waits for it. */
  readonly isStalled: boolean
  /** How many listings have shown it as open although its page had no next iterator. */
  readonly openConfirmations: number
  /** Until when the last of those listings is trusted. */
  readonly assumedOpenUntil: number
  /**
   * Whether its last page had no next iterator, and no listing has shown it as open since: it was read to its
   * end.
   */
  readonly hasShownEnd: boolean
  /** Whether its oldest position could just be read, so that a position that is refused has been trimmed. */
  readonly isTrimHorizonReadable: boolean
  /**
   * Whether the service refused its position in the last call that did not fail otherwise. The next read
   * opens a new iterator: only that shows what is left.
   */
  readonly isRefused: boolean
  /** Consecutive refusals of its oldest position. */
  readonly refusals: number
  /** Those of them since it is known that no more records will be written. */
  readonly refusalsSinceEnd: number
  /** Whether the service rejects the first sequence number that its own listing returned. */
  readonly rejectsFirstNumber: boolean
  /** It must not be read before this time. */
  readonly notBefore: number
  readonly bucket: TokenBucket
}

/** Consecutive calls for which the service did not know the shard. */
export interface NotFoundStreak {
  readonly count: number
  /** The number of those calls, without the ones that came too soon after the last one counted here. */
  readonly spacedCount: number
  /** When the last call was counted in `spacedCount` (monotonic ms). */
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
  /** For GetShardIterator: the position that was requested. */
  readonly start?: IteratorStart | undefined
  readonly error: unknown
}

export type Outcome =
  /** GetRecords returned a page. */
  | {
      readonly kind: 'page'
      /** The number of records on the page. */
      readonly records: number
      /** How many of them are new, and not older than requested. */
      readonly admitted: number
      /** Whether the page was as large as pages get, so that more is likely to follow. */
      readonly isFull: boolean
      /** When its last record was created (ms, the service's time). */
      readonly newestAt: number | undefined
      readonly nextIterator: string | undefined
    }
  /** A call failed. */
  | { readonly kind: 'failed'; readonly failed: FailedCall }
  /** The oldest position was probed, because the shard's own position was refused. */
  | { readonly kind: 'trimHorizonProbed'; readonly isReadable: boolean }
  /** The service did not know the shard, but it knows the stream. */
  | { readonly kind: 'streamExists'; readonly failed: FailedCall }
  /**
   * A page had no next iterator, and then all shards (or, unless `wasListed`, only its children) were listed.
   */
  | { readonly kind: 'endChecked'; readonly wasListed: boolean }

export type Action =
  /** Read the shard at a time (monotonic ms); with `retry` after a failure. */
  | { readonly do: 'read'; readonly at: number; readonly retry?: Retry }
  /** Do not read it for now: enough of its records are buffered. */
  | { readonly do: 'pause' }
  /** List the shards, to find out whether it is closed. */
  | { readonly do: 'checkEnd'; readonly isFirstCheck: boolean }
  /** It was read to its end. */
  | { readonly do: 'finish' }
  /** It has expired, and none of its records had to be delivered. */
  | { readonly do: 'expire' }
  /** Records were trimmed before they were read. */
  | { readonly do: 'reportGap'; readonly reason: GapReason; readonly cause: unknown }
  /**
   * Its position was refused. Probe the oldest one: either the position was trimmed, or all of an open shard.
   */
  | { readonly do: 'probeTrimHorizon'; readonly failed: FailedCall }
  /** The service does not know the shard. Find out whether it knows the stream. */
  | { readonly do: 'describeStream'; readonly failed: FailedCall }
  /** Surface the error to the caller. */
  | { readonly do: 'fail'; readonly error: unknown }

/** What to report about a call that will be retried. */
export interface Retry {
  readonly operation: FailedCall['operation']
  readonly attempt: number
  readonly delayMs: number
  readonly error: unknown
  /** How long the shard has been failing (ms), if this failure makes it stalled. */
  readonly stalledForMs: number | undefined
}

/** What a step depends on besides the state and the outcome. */
export interface StepContext {
  /** Monotonic ms. */
  readonly now: number
  /** Since when the consumer has been requesting records without a break (monotonic ms). */
  readonly presentSince: number
  /** The service's time (ms). */
  readonly serviceNow: number
  readonly random: () => number
  readonly idlePollMs: { readonly min: number; readonly max: number }
  /** The number of its last read, counted over all shards. */
  readonly readNumber: number
  /** When that read started (monotonic ms). */
  readonly polledAt: number
  /** Whether a caller is waiting for this shard's next response. */
  readonly isAwaited: boolean
  /** Whether enough of its records are buffered. */
  readonly isPrefetched: boolean
  /** Whether any of its records are buffered. */
  readonly hasBuffered: boolean
  /** Whether it is known that no more records will be written to it. */
  readonly hasEnded: boolean
  /** The same when its last read started. */
  readonly hadEnded: boolean
  readonly isClosed: boolean
  /** When the shard was created (ms), according to its id; undefined if that is unknown. */
  readonly createdAt: number | undefined
  /** Whether a record that has been trimmed by now would be a gap. */
  readonly losesTrimmed: boolean
  /** Whether it would be a gap if the whole shard has been trimmed. */
  readonly losesShard: boolean
}

export interface Step {
  readonly state: ReadState
  /** Undefined: continue as before. */
  readonly action: Action | undefined
  /** Whether a caller that waits to learn whether the shard has anything new can stop waiting. */
  readonly isAnswer?: boolean
}

/** Decides what to do with a shard after an outcome. */
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

// ---- Pages ------------------------------------------------------------------------------------------------

type Page = Extract<Outcome, { kind: 'page' }>

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
    // An endpoint that leaves the iterator out on open shards may do so again: that shows nothing.
    hasShownEnd: nextIterator === undefined && state.openConfirmations === 0,
    iteratorExpiresAt: context.polledAt + ITERATOR_LIFE_MS,
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

/** A shard iterator expires 15 minutes after it was returned (API reference, GetShardIterator). In ms. */
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
  // All records were skipped, but wanted ones may follow: the service ends a page wherever it likes.
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

/**
 * Limits the rate of calls to a shard that is written to all the time: each page would contain a few new
 * records, so the shard would be read without pauses. Old records and full pages are a backlog, which is not
 * limited.
 */
function limitRate(state: ReadState, page: Page, { now, serviceNow }: StepContext): ReadState {
  const { isFull, newestAt } = page
  if (isFull || newestAt === undefined || newestAt < serviceNow - BACKLOG_AGE_MS)
    return { ...state, notBefore: 0 }
  const { bucket, waitMs } = consumeToken(state.bucket, now)
  return { ...state, bucket, notBefore: now + waitMs }
}

/** Schedules the next read of a shard that has returned a page and is not known to have ended. */
function continueReading(state: ReadState, context: StepContext): Step {
  const isAnswer = state.atTip || context.hasBuffered
  if (context.isPrefetched) return { state, action: { do: 'pause' }, isAnswer }
  return { state, action: { do: 'read', at: nextPollAt(state, context) }, isAnswer }
}

/**
 * When to read a shard next after a page (monotonic ms): at once while it has a backlog, after a pause at the
 * tip. The pause grows from `idlePollMs.min` by half per empty poll up to `idlePollMs.max`, and is `min`
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

// ---- The end of a shard -----------------------------------------------------------------------------------

/**
 * Handles a page without a next iterator. For a shard that was known to be closed before the read, that is
 * the end. For any other shard it proves nothing: emulators leave the iterator out on open shards, and
 * records may have been written since.
 */
function withoutIterator(state: ReadState, context: StepContext): Step {
  if (context.hadEnded) return { state, action: { do: 'finish' } }
  if (context.hasEnded) return reopen(state, context.now)
  if (context.now < state.assumedOpenUntil) return continueReading(state, context)
  const isFirstCheck = state.openConfirmations === 0
  return { state, action: { do: 'checkEnd', isFirstCheck }, isAnswer: !isFirstCheck }
}

/** Handles a listing that was made to find out whether a shard has ended. */
function afterEndCheck(state: ReadState, wasListed: boolean, context: StepContext): Step {
  if (context.hasEnded) return reopen(state, context.now)
  if (!wasListed) return { state, action: undefined }
  // Listed as open: the endpoint leaves next iterators out on open shards, or the listing lags behind.
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
 * Drops the iterator. A new one has its own stretch of empty pages to cross, so it is no longer known whether
 * anything is left to read.
 */
export function withoutCurrentIterator(state: ReadState): ReadState {
  return { ...state, iterator: undefined, atTip: false, emptyPages: 0, idlePolls: 0 }
}

/** Reads the shard again at once, with a new iterator. */
function reopen(state: ReadState, now: number): Step {
  return { state: withoutCurrentIterator(state), action: { do: 'read', at: now } }
}

// ---- Failures ---------------------------------------------------------------------------------------------

function afterFailure(state: ReadState, failed: FailedCall, context: StepContext): Step {
  const { error, operation, start } = failed
  if (error instanceof CallTimeout) return retry(state, failed, context)
  switch (classifyError(error)) {
    case 'expired':
      if (hadOldIterator(state, failed, context)) return reopen(state, context.now)
      // This read opened it, so the service has a problem: retry after a pause.
      return retry(withoutCurrentIterator(state), failed, context)
    case 'trimmed':
      if (hasBeenRead(state, context)) return { state, action: { do: 'finish' } }
      if (!context.losesTrimmed) {
        return hadOldIterator(state, failed, context)
          ? refusedWithOldIterator(state, context)
          : nothingLeft(state, context)
      }
      // DynamoDB Local fails every GetRecords this way while all of an open shard is trimmed, until the next
      // write.
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
        return reopen({ ...state, rejectsFirstNumber: true }, context.now)
      }
      return { state, action: { do: 'fail', error } }
  }
}

/** Whether the failed read used an iterator that an earlier read had returned or opened. */
function hadOldIterator(
  { iteratorExpiresAt }: ReadState,
  { operation }: FailedCall,
  { polledAt }: StepContext,
): boolean {
  return operation === 'GetRecords' && iteratorExpiresAt < polledAt + ITERATOR_LIFE_MS
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
      // After a refusal only a new iterator shows what is left.
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

/** Whether the shard was read to its end, and expired before another read could confirm that. */
function hasBeenRead(state: ReadState, { hasEnded }: StepContext): boolean {
  return state.hasShownEnd && hasEnded
}

/**
 * The position of an older iterator may have been trimmed, with records left after it: a new iterator will
 * show.
 */
function refusedWithOldIterator(state: ReadState, { now }: StepContext): Step {
  const refused = { ...state, iterator: undefined, isRefused: true }
  return { state: refused, action: { do: 'read', at: now } }
}

/**
 * Handles a refusal of the oldest position, which happens while all records of a shard are trimmed. A closed
 * shard will not get any more.
 */
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
    // The merge must wait for a shard that has ended, because its children come next.
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
