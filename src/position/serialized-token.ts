import { StreamError } from '../core/errors.ts'

/** The longest text that is parsed, in UTF-16 code units. The largest real token, of 250,000 shards, has about 40 million. */
export const MAX_SERIALIZED_LENGTH: number = 64 * 1024 * 1024

/**
 * The most brackets and commas in a text, which is more than six per shard of the largest token. Each one is a value, which
 * costs time and memory: 64 MiB of `{},` would take 2 GB, of the fields of one object 20 s.
 */
const MAX_VALUES = 2_500_000

/**
 * Parses the JSON text of a token, within bounds of time and memory. The error does not quote the text: a wrong file may hold
 * a secret.
 *
 * @throws StreamError `token.invalid`
 */
export function parseSerializedToken(text: string): unknown {
  if (text.length > MAX_SERIALIZED_LENGTH) {
    throw invalidText(`at most ${MAX_SERIALIZED_LENGTH} characters`, `${text.length}`)
  }
  if (hasTooManyValues(text)) throw invalidText(`at most ${MAX_VALUES} values`, 'more')
  const value = parseJson(text)
  // A store would take it for "no checkpoint".
  if (value === null) throw invalidText('a JSON object', 'null')
  return value
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Without the engine's error as cause: its message quotes the text, and is printed with the stack.
    throw invalidText(
      'JSON text',
      text.trim() === '' ? 'an empty text' : `${text.length} characters that are not JSON`,
    )
  }
}

/** Counts the brackets and commas, also those in strings: a token has no such strings. */
function hasTooManyValues(text: string): boolean {
  let count = 0
  for (const sign of ['{', '[', ',']) {
    for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) {
      if (++count > MAX_VALUES) return true
    }
  }
  return false
}

function invalidText(expected: string, actual: string): StreamError<'token.invalid'> {
  const message = `The token is invalid: expected ${expected}, got ${actual}`
  return new StreamError('token.invalid', message, { field: '', expected })
}
