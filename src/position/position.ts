import { types } from 'node:util'
import { StreamError } from '../core/errors.ts'
import { parseToken } from './parse-token.ts'
import type { StreamToken } from './token.ts'
import { MAX_TIME_MS } from './token-fields.ts'
import { describeValue } from './validate.ts'

/**
 * Where to start reading.
 *
 * - `'trim_horizon'`: the oldest record that the stream still retains. DynamoDB Streams retains records for
 *   24 hours.
 * - `'latest'`: every record written from now on, on every shard. Records are not stamped by the clock that
 *   the service reports in its responses, so records created up to half a second before the call, truncated
 *   to the second, may be included.
 * - a `Date`: every record created at or after that time. Creation times are whole seconds, so records from
 *   earlier in the same second are included. A time in the future is treated like `'latest'`.
 * - a {@link StreamToken}, or its JSON string: where the token was taken, so that reading resumes with the
 *   next record.
 *
 * Both words are also accepted in upper case. Anything else is refused with `position.invalid`, and a
 * malformed token with `token.invalid`, before any call to the service.
 */
export type Position =
  | 'trim_horizon'
  | 'latest'
  | 'TRIM_HORIZON'
  | 'LATEST'
  | Date
  | StreamToken
  | SerializedToken

/**
 * A token as a JSON string. The type accepts any string; it is not plain `string` so that editors still
 * suggest the words of {@link Position}.
 */
export type SerializedToken = string & Record<never, never>

/** A checked {@link Position}. */
export type ParsedPosition =
  | { readonly kind: 'trim_horizon' }
  | { readonly kind: 'latest' }
  /** `since` is in ms since 1970; 0 or more. */
  | { readonly kind: 'time'; readonly since: number }
  | { readonly kind: 'token'; readonly token: StreamToken }

/** An object with any of these fields is treated as a token. */
const TOKEN_FIELDS = ['version', 'streamArn', 'shards', 'stream_arn']

/**
 * Checks a position that a caller passed.
 *
 * @throws StreamError `position.invalid`, or `token.invalid` for an invalid token: an object with a field of
 * tokens, or a string that starts with a brace.
 */
export function parsePosition(input: unknown): ParsedPosition {
  if (typeof input === 'string') return parseString(input)
  // Not `instanceof`, which does not recognize dates from another realm, such as a vm context or a test
  // runner.
  if (types.isDate(input)) return parseDate(input)
  if (isTokenLike(input)) return { kind: 'token', token: parseToken(input) }
  if (isTimeInMs(input)) throw notADate(input, String(input))
  throw invalidPosition(input)
}

function parseString(input: string): ParsedPosition {
  if (input === 'trim_horizon' || input === 'TRIM_HORIZON') return { kind: 'trim_horizon' }
  if (input === 'latest' || input === 'LATEST') return { kind: 'latest' }
  if (/^\s*\{/.test(input)) return { kind: 'token', token: parseToken(input) }
  if (isIsoTime(input)) throw notADate(input, `'${input}'`)
  throw invalidPosition(input)
}

function parseDate(date: Date): ParsedPosition {
  const time = Date.prototype.getTime.call(date)
  if (Number.isNaN(time)) throw invalidPosition(date, 'an invalid Date')
  // No record is from before 1970, so a time before it means all records.
  return { kind: 'time', since: Math.max(0, time) }
}

function isIsoTime(input: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?$/i.test(input) && !Number.isNaN(Date.parse(input))
  )
}

/** Excludes times in seconds, which as ms would be in January 1970. */
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

/** @param argument - the argument of `new Date` in the message. */
function notADate(position: unknown, argument: string): StreamError<'position.invalid'> {
  const message = `Cannot read from ${describeValue(position)}: pass a time as a Date, as in new Date(${argument}).`
  return new StreamError('position.invalid', message, { position })
}

function invalidPosition(
  position: unknown,
  actual: string = isObject(position) ? 'an object without the fields of a token' : describeValue(position),
): StreamError<'position.invalid'> {
  const message = `Cannot read from ${actual}: a position is 'trim_horizon', 'latest', a Date, or a token (object or JSON string).`
  return new StreamError('position.invalid', message, { position })
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
