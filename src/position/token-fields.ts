import { isSequenceNumber } from './sequence-number.ts'
import { invalidField } from './untrusted.ts'

/**
 * The checks of the values that both kinds of token are made of. They are as lenient as the emulators' ids demand:
 * AWS gives shard ids of 28 to 65 characters and sequence numbers of 21 to 40 digits, emulators shorter ones.
 */

/** `table/<name>/stream/<label>` of any partition, region and account, these empty too. AWS: 37 to 1024 characters. */
const STREAM_ARN = /^arn:[\x21-\x39\x3b-\x7e]*:dynamodb:[\x21-\x7e]*\/stream\/[\x21-\x7e]+$/
const MAX_STREAM_ARN_LENGTH = 1024

const SHARD_ID = /^[\x21-\x7e]{1,100}$/

export function asStreamArn(value: unknown, path: string): string {
  if (typeof value === 'string' && value.length <= MAX_STREAM_ARN_LENGTH && STREAM_ARN.test(value))
    return value
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
