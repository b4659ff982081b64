import type { RawRecord, WireRecord, WireRecords } from '../wire/wire-record.ts'

export type StreamStatus = 'ENABLING' | 'ENABLED' | 'DISABLING' | 'DISABLED'

/** What DescribeStream returns for one shard. */
export interface ShardDescription {
  readonly shardId: string
  readonly parentShardId: string | undefined
  /** Left out by some emulators. */
  readonly startingSequenceNumber: string | undefined
  /** Present exactly when the shard is closed. */
  readonly endingSequenceNumber: string | undefined
}

export interface ShardPage {
  readonly status: StreamStatus | undefined
  readonly shards: readonly ShardDescription[]
  /** Where the next page starts; undefined on the last one. */
  readonly lastEvaluatedShardId: string | undefined
  /** The service's clock when it answered (its `Date` header, truncated to the second), in ms; undefined if it did not say. */
  readonly serviceTime: number | undefined
}

export interface RecordPage {
  readonly records: readonly WireRecord[]
  /**
   * The same records, each parsed when it is read, so that a page that waits takes no more memory than on the wire. If it is
   * used, `records` must not be read: that would parse all of them.
   */
  readonly lazyRecords?: WireRecords | undefined
  /** Converts a record of this page to the form of the SDK; undefined if the records have that form already. */
  readonly decode: ((record: WireRecord) => RawRecord) | undefined
  /** Undefined if the service sent none, null or an empty string: these mean the same. */
  readonly nextIterator: string | undefined
  /** Size of the answer in bytes, where the transport knows it. */
  readonly bytes: number | undefined
  /** The service's clock when it answered (its `Date` header, truncated to the second), in ms; undefined if it did not say. */
  readonly serviceTime?: number | undefined
}

export type IteratorStart =
  | { readonly type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly sequenceNumber: string }

/**
 * The library's whole view of DynamoDB Streams: three calls. `sdkStreamsApi` answers it with the SDK's client, the
 * emulator answers it in process. Each call rejects with the service's error (`error.name` is its code), with the
 * transport's error, or with an `AbortError` when `signal` aborts.
 */
export interface StreamsApi {
  /** DescribeStream: one page of shards, or with `childrenOf` the immediate children of that shard (`ShardFilter`). */
  listShards(
    request: {
      readonly streamArn: string
      readonly exclusiveStartShardId?: string | undefined
      readonly childrenOf?: string | undefined
    },
    signal: AbortSignal,
  ): Promise<ShardPage>

  /** GetShardIterator: an iterator, valid for 15 minutes. */
  openIterator(
    request: { readonly streamArn: string; readonly shardId: string; readonly start: IteratorStart },
    signal: AbortSignal,
  ): Promise<string>

  /** GetRecords: up to `limit` (1 to 1000) records. */
  readRecords(
    request: { readonly iterator: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<RecordPage>
}
