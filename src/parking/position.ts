import { parseStreamArn } from '../core/stream-arn.ts'
import { withoutLeadingZeros } from '../position/sequence-number.ts'

/** AWS documents 21 to 40 digits (API reference, StreamRecord). */
const SEQUENCE_NUMBER_DIGITS = 40

/**
 * Returns where a record is in the order of its key, as a string that compares as such: the label of its
 * stream, which is the time at which the stream was enabled, and its sequence number.
 *
 * All shards that contain records of a key are of one lineage, in which sequence numbers increase from parent
 * to child. So the positions of a key are in the order of its records across shards, and across the streams
 * that a table has one after the other.
 */
export function parkedPosition(streamArn: string, sequenceNumber: string): string {
  const label = parseStreamArn(streamArn)?.label ?? ''
  return `${label}/${withoutLeadingZeros(sequenceNumber).padStart(SEQUENCE_NUMBER_DIGITS, '0')}`
}
