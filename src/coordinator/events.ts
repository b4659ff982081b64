import type { GapReason } from '../core/errors.ts'
import { namesOf } from '../core/options.ts'

/** The events that a `Coordinator` emits, with the type of their arguments. */
export interface CoordinatorEvents {
  /** A shard has been opened: its records can be delivered. `parentId` is undefined if it has no parent. */
  shardOpened: { readonly shardId: string; readonly parentId: string | undefined }
  /** All records of a shard have been delivered; its children come next. */
  shardFinished: { readonly shardId: string }
  /**
   * Records were trimmed before they were read: those of the shard after the sequence number `after`, or from
   * its start if that is undefined. What happens next depends on the option `onGap`.
   */
  gap: { readonly shardId: string; readonly after: string | undefined; readonly reason: GapReason }
  /** A call failed with an error that is likely to be temporary, and will be retried. */
  retry: {
    readonly operation: StreamsOperation
    /** Undefined if the call does not concern a single shard. */
    readonly shardId: string | undefined
    /** How many consecutive times the call has failed; 1 or more. */
    readonly attempt: number
    /** The time until the next attempt, in ms. */
    readonly delayMs: number
    /** The error as thrown by the client. */
    readonly error: unknown
  }
  /**
   * All records that the stream contained have been delivered, and none of the `shards` shards that are being
   * read is failing. Emitted again whenever reading has caught up after further records.
   */
  caughtUp: { readonly shards: number }
  /** A listing showed shards that were not known before. */
  shardsDiscovered: { readonly shardIds: readonly string[] }
  /**
   * A shard has been failing for a minute, so newer records of other shards are delivered without waiting for
   * it. It is still retried. `failingForMs` is the time since its first failure, in ms; `error` is the last
   * error.
   */
  shardStalled: { readonly shardId: string; readonly failingForMs: number; readonly error: unknown }
  /**
   * This version of the AWS SDK does not support the fast parsing of responses, so the SDK's own deserializer
   * is used from now on, at several times the cost. Emitted at most once per `Coordinator`.
   */
  sdkFallback: { readonly reason: string }
  /**
   * A shard is read without its parent, because no listing has shown the parent for five minutes although it
   * is too young to have been trimmed. If the parent is listed later, it is not read.
   */
  parentWaitTimedOut: { readonly shardId: string; readonly parentId: string }
}

/** The names of {@link CoordinatorEvents}. */
export const coordinatorEventNames: readonly (keyof CoordinatorEvents)[] = namesOf<CoordinatorEvents>({
  shardOpened: true,
  shardFinished: true,
  gap: true,
  retry: true,
  caughtUp: true,
  shardsDiscovered: true,
  shardStalled: true,
  parentWaitTimedOut: true,
  sdkFallback: true,
})

/** An AWS API operation that the library calls. */
export type StreamsOperation =
  | 'DescribeStream'
  | 'GetShardIterator'
  | 'GetRecords'
  | 'ListStreams'
  | 'DescribeTable'
