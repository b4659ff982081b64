import type { EmulatedRecord, StoredRecord } from './record.ts'

/**
 * The actual state of a shard, regardless of what DescribeStream lists. Times are in ms since 1970 on the
 * service's clock.
 */
export interface EmulatedShard {
  readonly shardId: string
  readonly streamArn: string
  readonly parentId: string | undefined
  readonly childIds: readonly string[]
  /** Whether the shard receives writes. */
  readonly open: boolean
  /** Whether the shard has expired: its retention has ended, and it can no longer be read. */
  readonly removed: boolean
  readonly createdAt: number
  readonly closedAt: number | undefined
  readonly startingSequenceNumber: string
  /** Defined if and only if the shard is closed. */
  readonly endingSequenceNumber: string | undefined
  /**
   * The start of the shard's hash range, inclusive, from 0 to 1. Items whose key hashes into the range are
   * written here.
   */
  readonly from: number
  /** The end of the hash range, exclusive. */
  readonly to: number
  /** All records ever written to the shard, in order, including trimmed ones. */
  readonly records: readonly EmulatedRecord[]
  /** The number of records that have been trimmed, counted from the first. */
  readonly trimmed: number
}

/** The emulator's mutable view of a shard. */
export interface Shard extends EmulatedShard {
  /** The index in the list of all shards of the stream. */
  readonly number: number
  childIds: string[]
  open: boolean
  removed: boolean
  closedAt: number | undefined
  endingSequenceNumber: string | undefined
  records: StoredRecord[]
  trimmed: number
  /** The highest sequence number so far; before the first record, the starting number. */
  last: bigint
}
