import type { GapReason } from '../core/errors.ts'
import { namesOf } from '../core/options.ts'

/** What a Coordinator tells, by name. */
export interface CoordinatorEvents {
  /** Reading of a shard begins. */
  shardOpened: { readonly shardId: string; readonly parentId: string | undefined }
  /** All of a shard was given out; its children come next. */
  shardFinished: { readonly shardId: string }
  /** Records were trimmed before they were read: those of the shard that came after the sequence number `after`. */
  gap: { readonly shardId: string; readonly after: string | undefined; readonly reason: GapReason }
  /** A call failed in a way that is likely to pass, and will be made again after `delayMs` milliseconds. */
  retry: {
    readonly operation: StreamsOperation
    readonly shardId: string | undefined
    /** How many times in a row it has failed, from 1. */
    readonly attempt: number
    readonly delayMs: number
    readonly error: unknown
  }
  /** Everything that there was has been given out. Told again after each record that comes later. */
  caughtUp: { readonly shards: number }
  /** Listings showed shards that were not known. */
  shardsDiscovered: { readonly shardIds: readonly string[] }
  /** A shard has failed for so long that newer records of other shards no longer wait for it. */
  shardStalled: { readonly shardId: string; readonly failingForMs: number; readonly error: unknown }
  /**
   * Once: answers are read with the SDK's own deserialiser from now on, at several times the cost, because this version of
   * the SDK does not let them be read otherwise.
   */
  sdkFallback: { readonly reason: string }
  /** A shard is read though the parent that it names was never listed: it was waited for long enough. */
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

export type StreamsOperation =
  | 'DescribeStream'
  | 'GetShardIterator'
  | 'GetRecords'
  | 'ListStreams'
  | 'DescribeTable'
