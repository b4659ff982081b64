import { StreamError } from '../core/errors.ts'

/** A token comes from a file, a table or a request: nothing in it is trusted, not even that reading a field works. */

/** The `token.invalid` of one field: what is wrong, where, and what was expected, in one line. */
export function invalidField(
  field: string,
  expected: string,
  actual: unknown,
  cause?: unknown,
): StreamError<'token.invalid'> {
  const where = field === '' ? 'The token is invalid' : `The token is invalid at ${field}`
  const message = `${where}: expected ${expected}, got ${describe(actual)}`
  return new StreamError('token.invalid', message, { field, expected }, cause)
}

/** The object's own field, never an inherited one; `undefined` when it has none. Getters and proxies may throw. */
export function ownField(object: object, key: string, path: string): unknown {
  try {
    return Object.hasOwn(object, key) ? Reflect.get(object, key) : undefined
  } catch (cause) {
    throw invalidField(path, 'a value that can be read', undefined, cause)
  }
}

/** `value` as an object whose fields may be read, which an array is not. */
export function asObject(value: unknown, path: string, expected: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw invalidField(path, expected, value)
}

/** The own elements of an array, at most `limit` of them. */
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

/** A value in a few words of printable ASCII: an error must stay one line, whatever it speaks of. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return printable(JSON.stringify(truncate(value)))
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  return truncate(String(value))
}

/** `text` on one line. */
function printable(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[^\x20-\x7e]/g, '?')
}

function truncate(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}
