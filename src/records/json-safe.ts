/**
 * A copy of plain attribute values that `JSON.stringify` can write: sets become arrays, binary values base64, and
 * integers beyond 2^53 decimal strings, so that no digit is lost.
 */
export function jsonSafe(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  if (Array.isArray(value)) return value.map(jsonSafe)
  if (value instanceof Set) return Array.from(value, jsonSafe)
  // Objects with a way of their own (dates, wrapped numbers, what a user's wrapNumbers made).
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonSafe(member)]))
}
