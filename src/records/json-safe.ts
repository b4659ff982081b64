/**
 * Returns a copy of plain attribute values that `JSON.stringify` can write: sets become arrays, binary values
 * become base64 strings, and integers beyond 2^53 become decimal strings, so that no digit is lost.
 */
export function jsonSafe(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  if (Array.isArray(value)) return value.map(jsonSafe)
  if (value instanceof Set) return Array.from(value, jsonSafe)
  // Other objects have their own JSON form: dates, wrapped numbers, and values from a custom wrapNumbers
  // function.
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonSafe(member)]))
}
