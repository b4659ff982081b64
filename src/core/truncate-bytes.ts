const encoder = new TextEncoder()
const ELLIPSIS = '…'
const ELLIPSIS_BYTES = 3

/**
 * Returns `string`, shortened to at most `maxBytes` bytes of UTF-8 (at least 3). A shortened string ends with
 * an ellipsis and is never cut within a character.
 */
export function truncateBytes(string: string, maxBytes: number): string {
  const bytes = new Uint8Array(maxBytes)
  if (encoder.encodeInto(string, bytes).read === string.length) return string
  const { read } = encoder.encodeInto(string, bytes.subarray(0, maxBytes - ELLIPSIS_BYTES))
  return `${string.slice(0, read)}${ELLIPSIS}`
}
