import type { EmulatedRecord, StoredRecord } from './record.ts'

/** One shard as it really is, whatever DescribeStream says of it. Times are ms since 1970 by the service's clock. */
export interface EmulatedShard {
  readonly shardId: string
  readonly streamArn: string
  readonly parentId: string | undefined
  readonly childIds: readonly string[]
  readonly open: boolean
  /** Whether its retention is over: the service no longer knows it. */
  readonly removed: boolean
  readonly createdAt: number
  readonly closedAt: number | undefined
  readonly startingSequenceNumber: string
  /** Given exactly when the shard is closed. */
  readonly endingSequenceNumber: string | undefined
  /** Items whose key hashes to `from` or above and below `to` are written here; both from 0 to 1. */
  readonly from: number
  readonly to: number
  /** Every record that was ever written to it, in order. */
  readonly records: readonly EmulatedRecord[]
  /** How many of the first records were trimmed. */
  readonly trimmed: number
}

/** The same, for the emulator's own hands. */
export interface Shard extends EmulatedShard {
  /** The place in the list of all shards of its stream. */
  readonly number: number
  childIds: string[]
  open: boolean
  removed: boolean
  closedAt: number | undefined
  endingSequenceNumber: string | undefined
  records: StoredRecord[]
  trimmed: number
  /** The highest sequence number used so far: the starting number before the first record. */
  last: bigint
}
