import { parseStreamArn } from '../core/stream-arn.ts'
import { isSequenceNumber } from './sequence-number.ts'
import { invalidField } from './validate.ts'

/**
 * Checks of the field values that both token formats share. They are lenient enough for emulators: AWS
 * documents shard ids of 28 to 65 characters and sequence numbers of 21 to 40 digits, but those of emulators
 * are shorter.
 */

/** The latest time that a `Date` can represent, in ms since 1970. */
export const MAX_TIME_MS = 8.64e15

const SHARD_ID = /^[\x21-\x7e]{1,100}$/

export function asStreamArn(value: unknown, path: string): string {
  if (parseStreamArn(value)) return value as string
  throw invalidField(
    path,
    'the ARN of a stream (arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>)',
    value,
  )
}

export function asShardId(value: unknown, path: string): string {
  if (typeof value === 'string' && SHARD_ID.test(value)) return value
  throw invalidField(path, 'a shard id (1 to 100 printable characters)', value)
}

export function asSequenceNumber(value: unknown, path: string): string {
  if (isSequenceNumber(value)) return value
  throw invalidField(path, 'a sequence number (a string of decimal digits)', value)
}

export function asTime(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIME_MS) {
    return value + 0 // -0 becomes 0, as in JSON
  }
  throw invalidField(path, `a time in ms since 1970 (an integer from 0 to ${MAX_TIME_MS})`, value)
}
