/** Where the reading of one shard goes on. */
export type ShardPosition =
  /** From the first record of the shard. */
  | 'start'
  /** With the next record after this sequence number. */
  | { readonly after: string }
  /** With the first record that was created at or after this time (ms since 1970, to the whole second). */
  | { readonly since: number }
  /** It was read to its end (the last sequence number; null when it had no record), its children were not seen yet. */
  | { readonly end: string | null }

export interface ShardToken {
  readonly shardId: string
  readonly parentId?: string
  readonly at: ShardPosition
  /** Beside `since` only; left out while the shard is being read. */
  readonly state?: ShardTokenState
}

export type ShardTokenState =
  /** Nothing of the shard itself is wanted any more. It stands for its children, which were not seen yet. */
  | 'skipped'
  /** It was not begun: it waits for a shard that comes before it, or may do so, and that no listing shows. */
  | 'pending'

/**
 * A position in a stream, as JSON-safe data: only the frontier, which is the shards being read and finished shards
 * whose children are not in it yet. Its size follows the number of those, not the age of the stream.
 */
export interface StreamToken {
  readonly version: 1
  readonly streamArn: string
  readonly shards: readonly ShardToken[]
}
