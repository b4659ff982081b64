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

/** Records of a shard that are not settled although later ones are, or whose processing was attempted. */
export interface UnsettledEntry {
  /** The sequence number of the record; together with `key`, of the first record of that key. */
  readonly from: string
  /**
   * The hash of an item's key (128 bits in base64url): the entry covers all records of the key in this shard,
   * from `from` on. Without it, the entry covers only the record `from`.
   */
  readonly key?: string
  /** The number of attempts that were started for the record `from`. */
  readonly attempts: number
  /** When the first of them was started; without one, when the record was created. In ms since 1970. */
  readonly since: number
  /** An attempt was running, so its outcome is unknown. */
  readonly running?: true
  /** The names of the tasks that need not run again. */
  readonly done?: readonly string[]
  /** The error of the last failed attempt. Its message is not stored, because it may contain item values. */
  readonly error?: { readonly name: string; readonly code?: string }
}

/** The position of a {@link StreamToken} in one shard. */
export interface ShardToken {
  readonly shardId: string
  /** The shard's parent, if it has one. */
  readonly parentId?: string
  /** Where reading resumes in the shard. */
  readonly at: ShardPosition
  /** Only together with `since`. Absent while the shard is being read. */
  readonly state?: ShardTokenState
  /**
   * The last sequence number that was processed, if it lies after `at`. A record from `at` to this one need
   * not be processed again, unless an entry of `unsettled` covers it.
   */
  readonly through?: string
  /**
   * The records that must be processed again although they precede `through`. An entry for a later record
   * only counts its attempts.
   */
  readonly unsettled?: readonly UnsettledEntry[]
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
 * not in it yet. Its size depends on the number of those shards and of the records (or item keys) that are
 * being processed or waiting for a retry, not on the age of the stream.
 */
export interface StreamToken {
  /** The version of the format. */
  readonly version: 1
  /** The ARN of the stream that the token belongs to. */
  readonly streamArn: string
  /** One entry per shard of the frontier. */
  readonly shards: readonly ShardToken[]
}
