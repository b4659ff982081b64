import { endSentence } from '../core/end-sentence.ts'
import { StreamError } from '../core/errors.ts'
import { formatValue, invalidOption, nearestName } from '../core/options.ts'

/** Appends a key of an object to the path of an option, as it would be written in JavaScript. */
export function keyPath(path: string, key: string): string {
  return /^[\w$-]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}

/** The error for a part of a pattern that is well-formed, but that Lambda rejects or would not match. */
export function invalidPattern(
  option: string,
  value: unknown,
  expected: string,
  message: string,
): StreamError<'options.invalid'> {
  return new StreamError('options.invalid', message, { option, value, expected })
}

/** The error for a name that is not one of `known`. It suggests the closest one, if one is similar. */
export function unknownMember(
  what: string,
  path: string,
  name: string,
  known: readonly string[],
  value: unknown,
): StreamError<'options.invalid'> {
  const nearest = nearestName(name, known)
  const expected = nearest ?? known.join(', ')
  const hint = nearest === undefined ? `expected one of ${expected}.` : `did you mean ${nearest}?`
  return invalidPattern(path, value, expected, `There is no ${what} ${path}; ${hint}`)
}

/** The error for JSON, or for an object, that is not a pattern at all. */
export function notAPattern(option: string, value: unknown): StreamError<'options.invalid'> {
  const hint = typeof value === 'function' ? '; functions belong to the option filter' : ''
  return invalidOption(option, value, `a filter pattern: an object, or an object as JSON${hint}`)
}

/** The error for a value whose getters, or whose proxy, throw. */
export function unreadable(option: string, cause: unknown): StreamError<'options.invalid'> {
  const reason = cause instanceof Error ? cause.message : formatValue(cause)
  return new StreamError(
    'options.invalid',
    endSentence(`Option ${option} cannot be read: ${reason}`),
    { option, value: undefined, expected: 'a value that can be read' },
    cause,
  )
}
