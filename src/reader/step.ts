import type { GapReason } from '../core/errors.ts'
import type { IteratorStart } from '../streams-api/streams-api.ts'
import { type ReadState, withoutCurrentIterator } from './read-state.ts'

export interface FailedCall {
  readonly operation: 'GetShardIterator' | 'GetRecords' | 'DescribeStream'
  /** For GetShardIterator: the position that was requested. */
  readonly start?: IteratorStart | undefined
  readonly error: unknown
}

/** The outcome of a read, or of another call that a read led to. */
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
  /** GetRecords returned a page, but an unsettled record that must precede its records was trimmed. */
  | { readonly kind: 'unsettledTrimmed' }
  /** The oldest position was probed, because the shard's own position was refused. */
  | { readonly kind: 'trimHorizonProbed'; readonly isReadable: boolean }
  /** The service did not know the shard, but it knows the stream. */
  | { readonly kind: 'streamExists'; readonly failed: FailedCall }
  /**
   * A page had no next iterator, and then all shards were listed, or only its children if `wasListed` is
   * false.
   */
  | { readonly kind: 'endChecked'; readonly wasListed: boolean }

export type Page = Extract<Outcome, { kind: 'page' }>

/** What to do with a shard next. `ReadSession` carries it out. */
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
   * Its position was refused. Probe the oldest one: either only the position was trimmed, or all records of
   * an open shard.
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
  /** Whether that was known when its last read started. */
  readonly hadEnded: boolean
  readonly isClosed: boolean
  /** When the shard was created (ms), according to its id; undefined if that is unknown. */
  readonly createdAt: number | undefined
  /** Whether a record that has been trimmed by now would be a gap. */
  readonly losesTrimmed: boolean
  /** Whether a loaded token shows that only settled records precede a later position of the shard. */
  readonly hasUnsettledStart: boolean
  /** Whether it was opened, or is to be opened, at that position. */
  readonly opensAtUnsettled: boolean
  /** Whether it would be a gap if the whole shard had been trimmed. */
  readonly losesShard: boolean
}

/** The result of `nextStep`. */
export interface Step {
  readonly state: ReadState
  /** Undefined: continue as before. */
  readonly action: Action | undefined
  /** Whether a caller that waits to learn whether the shard has anything new can stop waiting. */
  readonly isPolled?: boolean
}

/** Reads the shard again immediately, with a new iterator. */
export function reopen(state: ReadState, now: number): Step {
  return { state: withoutCurrentIterator(state), action: { do: 'read', at: now } }
}
