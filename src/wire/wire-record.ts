import type { _Record } from '@aws-sdk/client-dynamodb-streams'

/** A stream record as returned by the SDK's `GetRecordsCommand`. */
export type RawRecord = _Record

/**
 * A record as it was received: either in the SDK's form, or as parsed from JSON, with times in seconds and
 * binary values in base64. The `decode` function of its page converts the latter to the SDK's form.
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

/** A sequence of records, such as an array. */
export interface WireRecords {
  readonly length: number
  at(index: number): WireRecord | undefined
  /** Declares that no record before this index will be read again. Returns the number of freed bytes. */
  release?(before: number): number
}
