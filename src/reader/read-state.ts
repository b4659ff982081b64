import type { FailureStreak } from '../streams-api/failure-streak.ts'
import { fullBucket, type TokenBucket } from './token-bucket.ts'

/** A shard iterator expires 15 minutes after it was returned (API reference, GetShardIterator). In ms. */
export const ITERATOR_LIFE_MS: number = 15 * 60_000

/** The state of reading one shard. Each step returns a new one. Times are monotonic, in ms. */
export interface ReadState {
  readonly iterator: string | undefined
  readonly iteratorExpiresAt: number
  /** Whether a read has shown that nothing is left to read. */
  readonly atTip: boolean
  /** Consecutive empty pages before the tip was reached. */
  readonly emptyPages: number
  /**
   * Reads up to this number show nothing about the tip: since then, the consumer was away, or the process was
   * suspended.
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
  /** Whether its last page had no next iterator, and no listing has shown it as open since. */
  readonly hasShownEnd: boolean
  /** Whether a probe could read its oldest record, so a position that is refused has been trimmed. */
  readonly isTrimHorizonReadable: boolean
  /**
   * Whether the service refused its position in the last call, apart from calls that failed for another
   * reason. The next read opens a new iterator: only that shows what is left.
   */
  readonly isRefused: boolean
  /** Consecutive refusals of its oldest position. */
  readonly refusals: number
  /** How many of those occurred when it was known that no more records will be written. */
  readonly refusalsSinceEnd: number
  /**
   * Whether it is opened at its oldest unsettled record: its position was refused, but all records in between
   * may be settled. `'rejected'`: the service does not accept the number of that record.
   */
  readonly unsettledStart: 'unused' | 'used' | 'rejected'
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
  unsettledStart: 'unused',
  rejectsFirstNumber: false,
  notBefore: 0,
  bucket: fullBucket,
}

/** The fields that a successful call resets. */
export const noFailure: Pick<ReadState, 'failures' | 'failureStreak' | 'notFound' | 'isStalled'> = {
  failures: 0,
  failureStreak: undefined,
  notFound: undefined,
  isStalled: false,
}

/**
 * Drops the iterator. A new one has its own stretch of empty pages to cross, so it is no longer known whether
 * anything is left to read.
 */
export function withoutCurrentIterator(state: ReadState): ReadState {
  return { ...state, iterator: undefined, atTip: false, emptyPages: 0, idlePolls: 0 }
}
