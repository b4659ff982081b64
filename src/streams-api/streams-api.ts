import type { RawRecord, WireRecord, WireRecords } from '../wire/wire-record.ts'

/** The status of a stream, as in `DescribeStream`. */
export type StreamStatus = 'ENABLING' | 'ENABLED' | 'DISABLING' | 'DISABLED'

/** A shard as described by `DescribeStream`. */
export interface ShardDescription {
  readonly shardId: string
  /** The shard's parent; undefined if it has none. The parent may have expired, and then is not listed. */
  readonly parentShardId: string | undefined
  /** The first sequence number of the shard. Some emulators omit it. */
  readonly startingSequenceNumber: string | undefined
  /** The last sequence number of a closed shard; undefined while the shard is open. */
  readonly endingSequenceNumber: string | undefined
}

/** One page of a stream's shards. */
export interface ShardPage {
  /** The status of the stream. */
  readonly status: StreamStatus | undefined
  readonly shards: readonly ShardDescription[]
  /** The key of the next page, for `exclusiveStartShardId`; undefined on the last page. */
  readonly lastEvaluatedShardId: string | undefined
  /**
   * The service's time in ms since 1970, truncated to the second, from the `Date` header of the response;
   * undefined if it is absent.
   */
  readonly serviceTime: number | undefined
}

/** One page of a shard's records. */
export interface RecordPage {
  readonly records: readonly WireRecord[]
  /**
   * The same records, each parsed on access, so that a page in the buffer takes no more memory than on the
   * wire. Use either this or `records`, because reading `records` parses all of them.
   */
  readonly lazyRecords?: WireRecords | undefined
  /** Converts a record of this page to the SDK's form; undefined if the records already have that form. */
  readonly decode: ((record: WireRecord) => RawRecord) | undefined
  /**
   * The iterator of the next page; undefined if the service sent none, null or an empty string. AWS does that
   * only at the end of a closed shard, some emulators also for open shards.
   */
  readonly nextIterator: string | undefined
  /** The size of the response in bytes, if the transport reports it. */
  readonly bytes: number | undefined
  /**
   * The service's time in ms since 1970, truncated to the second, from the `Date` header of the response;
   * undefined if it is absent.
   */
  readonly serviceTime?: number | undefined
}

/** Where a shard iterator starts: a `ShardIteratorType`, with its sequence number. */
export type IteratorStart =
  | { readonly type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly sequenceNumber: string }

/**
 * The three calls of DynamoDB Streams that this library uses. It is implemented by `sdkStreamsApi` with an
 * SDK client, and by the emulator in process.
 *
 * Each call rejects with the service's error (`error.name` is its code), with the transport's error, or with
 * an `AbortError` when `signal` aborts.
 */
export interface StreamsApi {
  /**
   * `DescribeStream`: returns one page of shards or, with `childrenOf`, the immediate children of that shard
   * (`ShardFilter` with type `CHILD_SHARDS`).
   */
  listShards(
    request: {
      readonly streamArn: string
      readonly exclusiveStartShardId?: string | undefined
      readonly childrenOf?: string | undefined
    },
    signal: AbortSignal,
  ): Promise<ShardPage>

  /** `GetShardIterator`: returns a shard iterator, which is valid for 15 minutes. */
  openIterator(
    request: { readonly streamArn: string; readonly shardId: string; readonly start: IteratorStart },
    signal: AbortSignal,
  ): Promise<string>

  /** `GetRecords`: returns up to `limit` records (1 to 1000). */
  readRecords(
    request: { readonly iterator: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<RecordPage>
}
