import type { RawRecord } from '../../../wire/wire-record.ts'
import type { WireForm } from '../behavior/behavior.ts'

export type ItemKey = Record<string, unknown>

/** One stream record as it was written. */
export interface EmulatedRecord {
  readonly shardId: string
  readonly sequenceNumber: string
  readonly eventId: string
  readonly eventName: string
  /** When it was written, by the service's clock, in ms. */
  readonly writtenAt: number
  /** `ApproximateCreationDateTime` in ms, as consumers get to see it; undefined where it is left out. */
  readonly createdAt: number | undefined
  /** The item's key in plain values. */
  readonly key: ItemKey
  /** The same as text, equal for equal keys. */
  readonly keyText: string
  /** Whether its retention is over: it cannot be read any more. */
  readonly trimmed: boolean
  /** Deep-equal to what the SDK's `GetRecordsCommand` gives. */
  readonly raw: RawRecord
}

/** The same, for the emulator's own hands. */
export interface StoredRecord extends EmulatedRecord {
  trimmed: boolean
  readonly sequence: bigint
  readonly bytes: number
  /** Its JSON in a GetRecords answer, once it was read over the wire. */
  json: { readonly form: WireForm; readonly text: string } | undefined
  /** The JSON of the last large page that started with it. */
  page: { readonly records: number; readonly form: WireForm; readonly json: Uint8Array } | undefined
}
