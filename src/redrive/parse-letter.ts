import { parseStreamArn } from '../core/stream-arn.ts'
import { isSequenceNumber } from '../position/sequence-number.ts'
import { LambdaRecordError } from '../records/convert-lambda-record.ts'
import { fromLambdaRecord } from '../records/from-lambda-record.ts'
import type { StreamRecord } from '../records/stream-record.ts'

/** The place of a letter's records in a stream: all records of a shard from `first` to `last`. */
export interface RecordRange {
  readonly streamArn: string
  readonly shardId: string
  readonly first: string
  readonly last: string
  /** How many records the failed batch had; undefined if the letter does not say so. */
  readonly count: number | undefined
}

/** A dead letter of `processStream` or of an event source mapping of AWS Lambda. */
export interface ParsedLetter {
  readonly range: RecordRange
  readonly condition: string
  /** The name of the run, or the ARN of the Lambda function. */
  readonly name: string
  /** The number of failed attempts. */
  readonly attempts: number | undefined
  /** The task that was given up. */
  readonly task: string | undefined
  /** A hash of the item key. Letters of Lambda, which can have several records, do not have it. */
  readonly keyHash: string | undefined
  /** Undefined if the letter does not contain its records, as in Lambda's messages to queues and topics. */
  readonly records: readonly StreamRecord[] | undefined
}

/** A message, object or line is not a dead letter. The message contains none of its values. */
export class LetterError extends Error {
  override readonly name: string = 'LetterError'
}

/**
 * Parses a dead letter as untrusted input.
 *
 * @param body - the JSON of the letter. It can be in the envelope that SNS adds if raw message delivery is
 * disabled.
 * @throws LetterError
 */
export function parseLetter(body: string): ParsedLetter {
  const letter = withoutSnsEnvelope(parseObject(body, 'the letter'))
  const { requestContext, failure, payload } = letter
  const range = rangeOf(letter)
  const context = objectOrEmpty(requestContext)
  const { attempts, task, keyHash } = objectOrEmpty(failure)
  return {
    range,
    condition: shortString(context.condition) ?? 'unknown',
    name: shortString(context.functionArn) ?? 'unknown',
    attempts: count(attempts) ?? count(context.approximateInvokeCount),
    task: checkTask(task),
    keyHash: shortString(keyHash),
    records: isAbsent(payload) ? undefined : recordsOf(payload, range, letter),
  }
}

type Json = Readonly<Record<string, unknown>>

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html */
function withoutSnsEnvelope(value: Json): Json {
  const { Type: type, Message: message } = value
  if (type !== 'Notification' || typeof message !== 'string') return value
  return parseObject(message, 'the message of the SNS notification')
}

function rangeOf(letter: Json): RecordRange {
  const info = letter.DDBStreamBatchInfo
  if (!isObject(info)) {
    if (isObject(letter.KinesisBatchInfo)) throw new LetterError('it is a dead letter of a Kinesis stream')
    throw new LetterError('it is not a dead letter: DDBStreamBatchInfo is missing')
  }
  const { streamArn, shardId, startSequenceNumber: first, endSequenceNumber: last, batchSize } = info
  if (parseStreamArn(streamArn) === undefined) {
    throw new LetterError('DDBStreamBatchInfo.streamArn is not the ARN of a stream')
  }
  if (typeof shardId !== 'string' || shardId === '' || shardId.length > MAX_LENGTH) {
    throw new LetterError('DDBStreamBatchInfo.shardId is not the id of a shard')
  }
  if (!isSequenceNumber(first) || !isSequenceNumber(last)) {
    throw new LetterError('DDBStreamBatchInfo contains no range of sequence numbers')
  }
  return { streamArn: streamArn as string, shardId, first, last, count: count(batchSize) }
}

/** Lambda writes the event as a JSON string. Some emulators write it as an object. */
function recordsOf(payload: unknown, { streamArn, shardId }: RecordRange, letter: Json): StreamRecord[] {
  const event = typeof payload === 'string' ? parseObject(payload, 'payload') : payload
  const { Records: records } = objectOrEmpty(event)
  if (!Array.isArray(records) || records.length === 0) throw new LetterError('payload contains no records')
  const arrival = arrivalOf(letter)
  return records.map((record: unknown, index) => {
    try {
      const converted = fromLambdaRecord(record, shardId, arrival)
      if (Reflect.get(record as object, 'eventSourceARN') === streamArn) return converted
    } catch (error) {
      if (!(error instanceof LambdaRecordError)) throw error
      throw new LetterError(`Records[${index}] of payload is invalid${error.path && ` (${error.path})`}`)
    }
    throw new LetterError(`Records[${index}] of payload is of another stream than DDBStreamBatchInfo`)
  })
}

/** The time of a record that has none itself, which only emulators omit. */
function arrivalOf(letter: Json): number {
  const { approximateArrivalOfFirstRecord: arrival } = objectOrEmpty(letter.DDBStreamBatchInfo)
  const ms = typeof arrival === 'string' ? Date.parse(arrival) : Number.NaN
  return Number.isNaN(ms) ? 0 : ms
}

/** A task decides what a redrive runs, so a wrong one must not be ignored. */
function checkTask(task: unknown): string | undefined {
  if (isAbsent(task)) return undefined
  const name = shortString(task)
  if (name === undefined) throw new LetterError('failure.task is not the name of a task')
  return name
}

/** More than any name of the service or of this library has. */
const MAX_LENGTH = 1024

function shortString(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_LENGTH ? value : undefined
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}

function parseObject(json: string, what: string): Json {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The error of JSON.parse quotes the text.
    throw new LetterError(`${what} is not valid JSON`)
  }
  if (isObject(value)) return value
  throw new LetterError(`${what} is not a JSON object`)
}

function objectOrEmpty(value: unknown): Json {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}
