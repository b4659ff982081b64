import type { RawRecord } from '../../../wire/wire-record.ts'
import type { WireForm } from '../behavior/behavior.ts'

/** The key of an item in plain JavaScript values, such as `{ id: 'a' }`. */
export type ItemKey = Record<string, unknown>

/** A stream record as it was written. */
export interface EmulatedRecord {
  readonly shardId: string
  readonly sequenceNumber: string
  readonly eventId: string
  readonly eventName: string
  /** When it was written, in ms since 1970 on the service's clock. */
  readonly writtenAt: number
  /** `ApproximateCreationDateTime` in ms, as consumers see it; `undefined` if it is omitted. */
  readonly createdAt: number | undefined
  /** The key of the item in plain JavaScript values. */
  readonly key: ItemKey
  /** The key encoded as a string. Two strings are equal if and only if the keys are. */
  readonly keyText: string
  /** Whether the record has been trimmed and can no longer be read. */
  readonly trimmed: boolean
  /** The record in the form that the SDK's `GetRecordsCommand` returns; deep-equal to it. */
  readonly raw: RawRecord
}

/** The emulator's mutable view of a record. */
export interface StoredRecord extends EmulatedRecord {
  trimmed: boolean
  readonly sequence: bigint
  readonly bytes: number
  /** The record encoded for GetRecords, cached when it is first read over the wire. */
  json: { readonly form: WireForm; readonly text: string } | undefined
  /** The JSON of the last large page that started with this record. */
  page: { readonly records: number; readonly form: WireForm; readonly json: Uint8Array } | undefined
}
