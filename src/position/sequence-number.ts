/** AWS documents 21 to 40 digits, and emulators use fewer. The limit of 128 only bounds hostile input. */
const SEQUENCE_NUMBER = /^\d{1,128}$/

/** Returns whether `value` is a sequence number: a decimal string. A number would lose digits. */
export function isSequenceNumber(value: unknown): value is string {
  return typeof value === 'string' && SEQUENCE_NUMBER.test(value)
}

/**
 * Compares two sequence numbers as integers: negative if `a` is less than `b`, 0 if they are equal. Leading
 * zeros, which emulators write, are ignored.
 *
 * The order is meaningful only within a lineage; sequence numbers of unrelated shards cannot be compared. The
 * merge calls this once per record, so it avoids BigInt.
 */
export function compareSequenceNumbers(a: string, b: string): number {
  if (a.length !== b.length) {
    // The longer number is greater, unless it is padded.
    a = withoutLeadingZeros(a)
    b = withoutLeadingZeros(b)
    if (a.length !== b.length) return a.length - b.length
  }
  // With equal lengths, string order is numeric order, padded or not.
  return a < b ? -1 : a > b ? 1 : 0
}

/** Returns a string that is equal for equal numbers. */
export function withoutLeadingZeros(digits: string): string {
  let start = 0
  while (digits.charCodeAt(start) === 48) start++
  return start === 0 ? digits : digits.slice(start)
}

/** Returns the number after this one. */
export function nextSequenceNumber(sequenceNumber: string): string {
  return String(BigInt(sequenceNumber) + 1n)
}
