import type { _Record } from '@aws-sdk/client-dynamodb-streams'

/** A stream record as the SDK's `GetRecordsCommand` gives it. */
export type RawRecord = _Record

/**
 * A record as it came in: in the SDK's form, or still as parsed JSON (times as numbers of seconds, binary values in
 * base64), to be made into the SDK's form by the `decode` of its page when somebody looks.
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

/** Records in their order. An array is one. */
export interface WireRecords {
  readonly length: number
  at(index: number): WireRecord | undefined
  /** Says that no record before this index is asked for any more. Returns how much memory that has freed, in bytes. */
  forget?(before: number): number
}
