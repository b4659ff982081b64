import { TextRecord } from './text-records.ts'
import type { WireRecord } from './wire-record.ts'

/** The record's sequence number; `''` for a record that has none (which the model allows, but the service never sends). */
export function sequenceNumberOf(wire: WireRecord): string {
  const known = wire instanceof TextRecord ? wire.sequenceNumber : undefined
  return known ?? wire.dynamodb?.SequenceNumber ?? ''
}

/** When the record was made, in ms, as far as the service says so: to the second, and not for every record. */
export function createdAtMsOf(wire: WireRecord): number | undefined {
  const known = wire instanceof TextRecord ? wire.createdAt : undefined
  const time = known ?? wire.dynamodb?.ApproximateCreationDateTime
  if (time === undefined || time === null) return undefined
  // On the wire it is a number of seconds, fractions allowed; the SDK makes it a Date.
  const ms = time instanceof Date ? time.getTime() : Math.round(Number(time) * 1000)
  return Number.isNaN(ms) ? undefined : ms
}

/** The record's size as the service counts it, or an estimate of it. */
export function sizeBytesOf(wire: WireRecord): number {
  const size = wire.dynamodb?.SizeBytes
  return typeof size === 'number' && size >= 0 ? size : estimateBytes(wire.dynamodb)
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
