/** Where reading resumes in one shard. */
export type ShardPosition =
  /** At the first record of the shard. */
  | 'start'
  /** At the first record after this sequence number. */
  | { readonly after: string }
  /** At the first record created at or after this time: ms since 1970, compared by the whole second. */
  | { readonly since: number }
  /**
   * At its children, none of which is in the token yet: the shard was read to its end. The value is its last
   * sequence number, or null if it had no records.
   */
  | { readonly end: string | null }

/** The position of a {@link StreamToken} in one shard. */
export interface ShardToken {
  readonly shardId: string
  /** The shard's parent, if it has one. */
  readonly parentId?: string
  /** Where reading resumes in the shard. */
  readonly at: ShardPosition
  /** Only together with `since`. Absent while the shard is being read. */
  readonly state?: ShardTokenState
}

/** The state of a shard in a token that is not being read. */
export type ShardTokenState =
  /** No record of the shard itself is needed. It is in the token only for its children, not listed yet. */
  | 'skipped'
  /**
   * Reading has not started: the shard waits for its parent, or for a shard that may be its parent, which is
   * not listed yet.
   */
  | 'pending'

/**
 * A position in a stream, as JSON-safe data. `JSON.stringify` it to save it, and pass it as a
 * {@link Position} to resume after the last record that it covers.
 *
 * A token contains only the frontier: the shards that are being read, and finished shards whose children are
 * not in it yet. Its size depends on the number of those shards, not on the age of the stream.
 */
export interface StreamToken {
  /** The version of the format. */
  readonly version: 1
  /** The ARN of the stream that the token belongs to. */
  readonly streamArn: string
  /** One entry per shard of the frontier. */
  readonly shards: readonly ShardToken[]
}
