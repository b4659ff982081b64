import type { StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'

/**
 * The maximum length of a pattern as JSON. It also bounds the work of compiling it.
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Filter.html
 */
export const MAX_PATTERN_LENGTH = 4096

/**
 * The maximum depth of a pattern: more levels than any attribute has. DynamoDB permits 32, with another level
 * for the type of each.
 */
export const MAX_DEPTH = 100

/**
 * Returns the elements of an array, with `undefined` for holes.
 *
 * @throws StreamError `options.invalid` if there are more than a pattern can have.
 */
export function elementsOf(array: readonly unknown[], path: string): unknown[] {
  if (array.length > MAX_PATTERN_LENGTH) throw tooLong(path, array)
  return Array.from(array)
}

export function tooLong(path: string, value: unknown): StreamError<'options.invalid'> {
  const expected = `at most ${MAX_PATTERN_LENGTH} characters long as JSON, which is the limit of Lambda`
  return invalidOption(path, value, expected, 'too long')
}
