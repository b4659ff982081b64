import { types } from 'node:util'
import { StreamError } from '../core/errors.ts'
import { MAX_TIME_MS, parseToken } from './parse-token.ts'
import type { StreamToken } from './token.ts'
import { describe } from './validate.ts'

/**
 * Where to read from.
 *
 * - `'trim_horizon'`: from the oldest record that the stream still holds (24 hours).
 * - `'latest'`: every record written from now on, on every shard. As records are not dated by the clock that the service
 *   tells, those dated up to half a second before the call, truncated to the second, may be included.
 * - a `Date`: every record created at or after that time, none older than that whole second. In the future: as `'latest'`.
 * - a {@link StreamToken}, or its JSON text: where that token was taken.
 */
export type Position =
  | 'trim_horizon'
  | 'latest'
  | 'TRIM_HORIZON'
  | 'LATEST'
  | Date
  | StreamToken
  | SerializedToken

/** The JSON text of a token. Any string; the type only keeps the words of {@link Position} in the editor's suggestions. */
export type SerializedToken = string & Record<never, never>

/** A {@link Position} that was checked. */
export type ParsedPosition =
  | { readonly kind: 'trim_horizon' }
  | { readonly kind: 'latest' }
  /** `since`: ms since 1970, 0 or more. */
  | { readonly kind: 'time'; readonly since: number }
  | { readonly kind: 'token'; readonly token: StreamToken }

/** The fields by one of which an object shows that it is meant to be a token. */
const TOKEN_FIELDS = ['version', 'streamArn', 'shards', 'stream_arn']

/**
 * Checks a position that comes from outside, before any call is made.
 *
 * @throws StreamError `position.invalid`, or `token.invalid` where a token is meant: an object with a token's fields, or a
 * string that starts with a brace.
 */
export function parsePosition(input: unknown): ParsedPosition {
  if (typeof input === 'string') return parseText(input)
  // Not `instanceof`, which misses dates of another realm (a test runner's, a vm's).
  if (types.isDate(input)) return parseDate(input)
  if (isTokenLike(input)) return { kind: 'token', token: parseToken(input) }
  if (isTimeInMs(input)) throw dateWanted(input, String(input))
  throw invalidPosition(input)
}

function parseText(text: string): ParsedPosition {
  if (text === 'trim_horizon' || text === 'TRIM_HORIZON') return { kind: 'trim_horizon' }
  if (text === 'latest' || text === 'LATEST') return { kind: 'latest' }
  if (/^\s*\{/.test(text)) return { kind: 'token', token: parseToken(text) }
  if (isIsoTime(text)) throw dateWanted(text, `'${text}'`)
  throw invalidPosition(text)
}

function parseDate(date: Date): ParsedPosition {
  const time = Date.prototype.getTime.call(date)
  if (Number.isNaN(time)) throw invalidPosition(date, 'an invalid Date')
  // Before 1970 there are no records: that means all of them.
  return { kind: 'time', since: Math.max(0, time) }
}

function isIsoTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?$/i.test(text) && !Number.isNaN(Date.parse(text))
}

/** Not of seconds, which would be a time in January 1970. */
function isTimeInMs(input: unknown): input is number {
  return typeof input === 'number' && input > 1e11 && input <= MAX_TIME_MS
}

function isTokenLike(input: unknown): boolean {
  if (typeof input !== 'object' || input === null) return false
  try {
    return TOKEN_FIELDS.some((field) => Object.hasOwn(input, field))
  } catch {
    return false
  }
}

/** @param argument - of the call that makes a Date of it. */
function dateWanted(position: unknown, argument: string): StreamError<'position.invalid'> {
  const message = `Cannot read from ${describe(position)}: pass a Date for a time, as in new Date(${argument})`
  return new StreamError('position.invalid', message, { position })
}

function invalidPosition(
  position: unknown,
  actual: string = isObject(position) ? 'an object without the fields of a token' : describe(position),
): StreamError<'position.invalid'> {
  const message = `Cannot read from ${actual}: a position is 'trim_horizon', 'latest', a Date, or a token (object or JSON text)`
  return new StreamError('position.invalid', message, { position })
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
