/** DynamoDB's sequence numbers have 21 to 40 digits. */
const MAX_DIGITS = 40

/**
 * Returns a string that can be compared with those of other records of the same item: the label of the
 * stream, which is the time at which it was enabled, and the sequence number.
 *
 * The sequence number is padded, because strings are compared character by character: `'9'` is greater than
 * `'10'`, but `'09'` is less.
 */
export function positionOf(streamArn: string, sequenceNumber: string): string {
  const label = streamArn.split('/stream/')[1] ?? ''
  return `${label}/${sequenceNumber.padStart(MAX_DIGITS, '0')}`
}
