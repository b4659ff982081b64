import { StreamError } from '../core/errors.ts'

/**
 * The maximum length of a serialized token, in UTF-16 code units. 250,000 shards need about 40 million, and
 * an unsettled record or key about 100.
 */
export const MAX_SERIALIZED_LENGTH: number = 64 * 1024 * 1024

/**
 * The maximum number of brackets and commas in a serialized token. A token needs about six per shard and five
 * per unsettled record or key, so this is more than the largest token has. Each of them starts a value, which
 * takes time and memory: parsing 64 MiB of `{},` would take 2 GB, and 64 MiB of fields of one object 20 s.
 */
const MAX_VALUES = 4_500_000

/**
 * Parses a token from a JSON string, with bounded time and memory. The error does not quote the string,
 * because a file that was passed by mistake may contain secrets.
 *
 * @throws StreamError `token.invalid`
 */
export function parseSerializedToken(serialized: string): unknown {
  if (serialized.length > MAX_SERIALIZED_LENGTH) {
    throw invalidToken(`at most ${MAX_SERIALIZED_LENGTH} characters`, `${serialized.length}`)
  }
  if (hasTooManyValues(serialized)) throw invalidToken(`at most ${MAX_VALUES} values`, 'more')
  const value = parseJson(serialized)
  // A store would mistake null for "no checkpoint".
  if (value === null) throw invalidToken('a JSON object', 'null')
  return value
}

function parseJson(serialized: string): unknown {
  try {
    return JSON.parse(serialized)
  } catch {
    // The SyntaxError is not the cause: its message quotes the input, and would be printed with the stack.
    const { length } = serialized
    const isBlank = serialized.trim() === ''
    const problem = isBlank
      ? 'is an empty string'
      : `is not valid JSON (${length} character${length === 1 ? '' : 's'})`
    throw new StreamError('token.invalid', `The token ${problem}.`, { field: '', expected: 'JSON' })
  }
}

/** Counts all brackets and commas, even those inside strings, because the strings in a token have none. */
function hasTooManyValues(serialized: string): boolean {
  let count = 0
  for (const character of ['{', '[', ',']) {
    let index = serialized.indexOf(character)
    for (; index !== -1; index = serialized.indexOf(character, index + 1)) {
      if (++count > MAX_VALUES) return true
    }
  }
  return false
}

function invalidToken(expected: string, actual: string): StreamError<'token.invalid'> {
  const message = `The token is invalid: expected ${expected}, got ${actual}.`
  return new StreamError('token.invalid', message, { field: '', expected })
}
