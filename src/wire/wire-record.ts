import type { _Record } from '@aws-sdk/client-dynamodb-streams'

/** A stream record as the SDK's `GetRecordsCommand` returns it. */
export type RawRecord = _Record

/**
 * A record as it was received: in the SDK's form, or as parsed from JSON (times as numbers of seconds, binary values in
 * base64), which the `decode` of its page converts to the SDK's form on demand.
 */
export interface WireRecord {
  readonly eventID?: string | undefined
  readonly eventName?: string | undefined
  readonly userIdentity?: unknown
  readonly dynamodb?:
    | {
        readonly ApproximateCreationDateTime?: Date | number | undefined
        readonly SequenceNumber?: string | undefined
        readonly SizeBytes?: number | undefined
        readonly Keys?: unknown
        readonly NewImage?: unknown
        readonly OldImage?: unknown
      }
    | undefined
}

/** Records in order. An array of them is one. */
export interface WireRecords {
  readonly length: number
  at(index: number): WireRecord | undefined
  /** Says that no record before this index is read any more. Returns how much memory was released, in bytes. */
  release?(before: number): number
}
