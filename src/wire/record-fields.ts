import { asLazyRecord } from './as-lazy-record.ts'
import type { WireRecord } from './wire-record.ts'

/** Returns the record's sequence number, or `''` if it has none (the service always sends it). */
export function sequenceNumberOf(wire: WireRecord): string {
  const lazy = asLazyRecord(wire)
  return lazy === undefined ? (wire.dynamodb?.SequenceNumber ?? '') : lazy.sequenceNumber
}

/** Returns the creation time in ms since 1970, a whole second on AWS; undefined if it is missing. */
export function createdAtMsOf(wire: WireRecord): number | undefined {
  const ms = asLazyRecord(wire)?.createdAtMs ?? toMs(wire.dynamodb?.ApproximateCreationDateTime)
  return Number.isNaN(ms) ? undefined : ms
}

/** On the wire, a time is a number of seconds, possibly with a fraction. The SDK converts it to a `Date`. */
function toMs(time: Date | number | null | undefined): number {
  if (time === undefined || time === null) return Number.NaN
  return time instanceof Date ? time.getTime() : Math.round(Number(time) * 1000)
}

/** Returns the record's size as reported by the service, or an estimate if it is missing. */
export function sizeBytesOf(wire: WireRecord): number {
  const lazy = asLazyRecord(wire)
  if (lazy?.sizeBytes !== undefined) return lazy.sizeBytes
  const size = wire.dynamodb?.SizeBytes
  if (typeof size === 'number' && size >= 0) return size
  return estimateBytes((lazy?.parsed ?? wire).dynamodb)
}

/** Counts the characters of names and values, which is close to how DynamoDB computes the size of an item. */
function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 1
  if (ArrayBuffer.isView(value)) return value.byteLength
  let bytes = 0
  for (const [name, member] of Object.entries(value)) bytes += name.length + estimateBytes(member)
  return bytes
}
