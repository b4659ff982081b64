import { StreamError } from '../core/errors.ts'

/** Tokens are untrusted: they are read from files, tables and requests. Even reading a field may throw. */

/** Returns the `token.invalid` error for a field, with its path, the expected and the actual value. */
export function invalidField(
  field: string,
  expected: string,
  actual: unknown,
  cause?: unknown,
): StreamError<'token.invalid'> {
  const where = field === '' ? 'The token is invalid' : `The token is invalid at ${field}`
  const message = `${where}: expected ${expected}, got ${describeValue(actual)}.`
  return new StreamError('token.invalid', message, { field, expected }, cause)
}

/** Returns an own field of the object, never an inherited one; `undefined` if it has none. */
export function ownField(object: object, key: string, path: string): unknown {
  // Getters and proxies may throw.
  try {
    return Object.hasOwn(object, key) ? Reflect.get(object, key) : undefined
  } catch (cause) {
    throw invalidField(path, 'a value that can be read', undefined, cause)
  }
}

/** Returns `value` if it is an object and not an array. */
export function asObject(value: unknown, path: string, expected: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw invalidField(path, expected, value)
}

/** Yields the own elements of an array, with their paths. Refuses an array of more than `limit` elements. */
export function* elementsOf(
  value: unknown,
  path: string,
  limit: number,
): Generator<readonly [element: unknown, path: string], void, undefined> {
  const expected = `an array of at most ${limit} elements`
  if (!Array.isArray(value)) throw invalidField(path, expected, value)
  const { length } = value
  if (!(length <= limit)) throw invalidField(path, expected, `${length} elements`)
  for (let index = 0; index < length; index++) {
    const elementPath = `${path}[${index}]`
    yield [ownField(value, String(index), elementPath), elementPath]
  }
}

/** Describes a value in a few words of printable ASCII, so that an error message is always a single line. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'undefined'
  if (typeof value === 'string') return printable(JSON.stringify(truncate(value)))
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  return truncate(String(value))
}

function printable(string: string): string {
  return string.replaceAll(/\s+/g, ' ').replaceAll(/[^\x20-\x7e]/g, '?')
}

function truncate(string: string): string {
  return string.length > 60 ? `${string.slice(0, 60)}...` : string
}
