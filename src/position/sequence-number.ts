/** AWS gives 21 to 40 digits; emulators give fewer. The bound only keeps hostile input small. */
const SEQUENCE_NUMBER = /^\d{1,128}$/

/** Whether `text` is a sequence number: a decimal string. Numbers are not, they lose digits beyond the 16th. */
export function isSequenceNumber(text: unknown): text is string {
  return typeof text === 'string' && SEQUENCE_NUMBER.test(text)
}

/**
 * Orders two sequence numbers as integers: negative when `a` comes before `b`, 0 when they are equal.
 *
 * Meaningful only inside a lineage: numbers of unrelated shards say nothing about each other. Leading zeros, which
 * emulators write, do not count. Runs once per record in the merge, hence without BigInt.
 */
export function compareSequenceNumbers(a: string, b: string): number {
  if (a.length !== b.length) {
    // Of different width: the longer one is greater, unless it is padded.
    a = withoutLeadingZeros(a)
    b = withoutLeadingZeros(b)
    if (a.length !== b.length) return a.length - b.length
  }
  // Of equal width, the order of the text is the order of the numbers, padded or not.
  return a < b ? -1 : a > b ? 1 : 0
}

function withoutLeadingZeros(digits: string): string {
  let start = 0
  while (digits.charCodeAt(start) === 48) start++
  return start === 0 ? digits : digits.slice(start)
}
