import { truncateBytes } from '../core/truncate-bytes.ts'
import type { DeadLetter } from './destination.ts'

/**
 * Returns a letter as the JSON body of a message (`queue`: SQS, SNS) or of an object (`s3`). Both have the
 * members of Lambda's invocation record in Lambda's order. Lambda's messages have no `payload`; here it
 * follows all of Lambda's members, and `failure` comes last.
 *
 * The body of a message contains only characters that SQS and SNS accept.
 */
export function letterBody(letter: DeadLetter, kind: 'queue' | 's3'): string {
  const record = letter.invocationRecord()
  if (kind === 's3') return JSON.stringify(record)
  const { payload, failure, ...metadata } = record
  return escapeForSqs(JSON.stringify({ ...metadata, payload, failure }))
}

/**
 * Returns the body of a message for a letter whose record is too large: without `payload`, as Lambda sends
 * it, and with `failure.payloadOmitted: true`. The record can be read from the stream, at the shard and
 * sequence number in `DDBStreamBatchInfo`, until it is trimmed.
 */
export function metadataOnlyBody(letter: DeadLetter): string {
  const { payload: _, failure, ...metadata } = letter.invocationRecord()
  return escapeForSqs(JSON.stringify({ ...metadata, failure: { ...failure, payloadOmitted: true } }))
}

/**
 * The UTF-16 code units that SQS refuses. JSON itself escapes control characters and lone surrogates in its
 * strings, but not U+FFFE and U+FFFF. AWS documents that characters from U+10000 on, such as emoji, are
 * accepted. The error message of the service does not list them, though, and emulators refuse them.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
const REFUSED_BY_SQS = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g

/**
 * Replaces the characters that SQS refuses with JSON escapes such as `\uFFFE`. In JSON, they can only be part
 * of a string, so parsing the result returns the same value.
 */
export function escapeForSqs(json: string): string {
  return escapeInJson(json, REFUSED_BY_SQS)
}

/**
 * Replaces characters with JSON escapes. `pattern` must match single UTF-16 code units that occur only in
 * strings.
 */
export function escapeInJson(json: string, pattern: RegExp): string {
  return json.replace(pattern, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * Returns the key of a letter's S3 object, in the layout of Lambda:
 * `aws/lambda/<uuid of the mapping>/<shard id>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`, with the name of the
 * run instead of the mapping's UUID. The last UUID is the letter's id, and the time is that of the change, so
 * that a letter that is sent again replaces itself. Lambda uses a random UUID and the current time.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
export function s3Key(letter: DeadLetter): string {
  const { requestContext, DDBStreamBatchInfo } = letter.invocationRecord()
  const [date = '', time = ''] = DDBStreamBatchInfo.approximateArrivalOfFirstRecord.slice(0, 19).split('T')
  return [
    'aws/lambda',
    keySegment(requestContext.functionArn),
    keySegment(DDBStreamBatchInfo.shardId),
    date.replaceAll('-', '/'),
    `${date}T${time.replaceAll(':', '.')}-${letter.id}`,
  ].join('/')
}

/** An S3 key has at most 1,024 bytes, and each byte of a name takes up to three. */
const MAX_SEGMENT_BYTES = 100

/**
 * Encodes a name so that it is one segment of a key, whatever it contains. Long names are shortened: the id
 * at the end of the key already distinguishes letters of different names.
 */
function keySegment(name: string): string {
  const encoded = encodeURIComponent(truncateBytes(name.toWellFormed(), MAX_SEGMENT_BYTES))
  // HTTP clients resolve the segments `.` and `..`.
  return /^\.*$/.test(encoded) ? encoded.replaceAll('.', '%2E') || '-' : encoded
}
