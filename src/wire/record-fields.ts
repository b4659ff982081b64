import { LazyRecord } from './lazy-records.ts'
import type { WireRecord } from './wire-record.ts'

/** The record's sequence number; `''` for a record that has none (which the model allows, but the service never sends). */
export function sequenceNumberOf(wire: WireRecord): string {
  return wire instanceof LazyRecord ? wire.sequenceNumber : (wire.dynamodb?.SequenceNumber ?? '')
}

/** When the record was made, in ms, truncated to the second; undefined for the records of which the service does not say it. */
export function createdAtMsOf(wire: WireRecord): number | undefined {
  const ms = wire instanceof LazyRecord ? wire.createdAtMs : toMs(wire.dynamodb?.ApproximateCreationDateTime)
  return Number.isNaN(ms) ? undefined : ms
}

/** On the wire it is a number of seconds, fractions allowed; the SDK makes it a Date. */
function toMs(time: Date | number | null | undefined): number {
  if (time === undefined || time === null) return Number.NaN
  return time instanceof Date ? time.getTime() : Math.round(Number(time) * 1000)
}

/** The record's size as the service counts it, or an estimate of it. */
export function sizeBytesOf(wire: WireRecord): number {
  const size = wire.dynamodb?.SizeBytes
  if (typeof size === 'number' && size >= 0) return size
  return estimateBytes(wire instanceof LazyRecord ? wire.parsed.dynamodb : wire.dynamodb)
}

/** Characters in names and values, which is how DynamoDB counts an item's size, near enough. */
function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 1
  if (ArrayBuffer.isView(value)) return value.byteLength
  let bytes = 0
  for (const [name, member] of Object.entries(value)) bytes += name.length + estimateBytes(member)
  return bytes
}
