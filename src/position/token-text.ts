import { StreamError } from '../core/errors.ts'

/** The longest text that is parsed, in UTF-16 code units. The largest real token, of 250,000 shards, has about 40 million. */
export const MAX_TOKEN_TEXT_LENGTH: number = 64 * 1024 * 1024

/** Far more than the two per shard of a real token. Each one costs memory: 64 MiB of `{},` would take 2 GB. */
const MAX_OBJECTS = 1_000_000

/**
 * Parses the JSON text of a token, within bounds of time and memory. The error quotes none of it: a wrong file may hold a
 * secret.
 *
 * @throws StreamError `token.invalid`
 */
export function parseTokenText(text: string): unknown {
  if (text.length > MAX_TOKEN_TEXT_LENGTH) {
    throw invalidText(`at most ${MAX_TOKEN_TEXT_LENGTH} characters`, `${text.length}`)
  }
  if (hasTooManyObjects(text)) throw invalidText(`at most ${MAX_OBJECTS} objects and arrays`, 'more')
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

/** Looks at the brackets only; those in strings count, but a token has none there. */
function hasTooManyObjects(text: string): boolean {
  let count = 0
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++count > MAX_OBJECTS) return true
    }
  }
  return false
}

function invalidText(expected: string, actual: string): StreamError<'token.invalid'> {
  const message = `The token is invalid: expected ${expected}, got ${actual}`
  return new StreamError('token.invalid', message, { field: '', expected })
}
