import { decodeRecord } from '../wire/decode-record.ts'
import { createdAtMsOf } from '../wire/record-fields.ts'
import type { WireRecord } from '../wire/wire-record.ts'
import { StreamRecord } from './stream-record.ts'

/**
 * A value is not a stream record as in an event of AWS Lambda. The message contains neither values nor names
 * of attributes: `dynamodb.NewImage.*.M.*` is an attribute of a map.
 */
export class LambdaRecordError extends TypeError {
  override readonly name: string = 'LambdaRecordError'
  /** The path of the invalid member, such as `dynamodb.Keys`; `''` for the record itself. */
  readonly path: string

  constructor(path: string, expected: string) {
    super(`Invalid stream record: ${path === '' ? 'it' : path} must be ${expected}.`)
    this.path = path
  }
}

/**
 * Returns the stream record of an event that Lambda passes to a function: the inverse of `toLambdaRecord`.
 * Its `raw` is what `GetRecordsCommand` returned for the record. Members that are null or unknown are
 * ignored, and those that an emulator may omit are optional. Keys and images are converted when they are
 * read: they are not checked here, because an event of Lambda can contain thousands of records.
 *
 * @param createdAtMs - the creation time if the record has none, in ms since 1970.
 * @throws LambdaRecordError
 */
export function convertLambdaRecord(value: unknown, shardId: string, createdAtMs = 0): StreamRecord {
  const record = object('', value)
  // A record of another event source, such as Kinesis, does not have `dynamodb`.
  const change = object('dynamodb', record.dynamodb)
  if (typeof record.eventSourceARN !== 'string') throw new LambdaRecordError('eventSourceARN', 'a string')
  const wire = {
    ...pick('', record, ['eventID', 'eventName', 'eventVersion', 'eventSource', 'awsRegion'], optionalString),
    dynamodb: convertChange(change),
    userIdentity: convertIdentity(record.userIdentity),
  } as WireRecord
  const context = { shardId, streamArn: record.eventSourceARN, decode: decodeRecord }
  return new StreamRecord(wire, context, createdAtMsOf(wire) ?? createdAtMs)
}

/** An object of JSON. */
export type Json = Readonly<Record<string, unknown>>

function convertChange(change: Json): object {
  return {
    ApproximateCreationDateTime: checkTime(change.ApproximateCreationDateTime),
    ...pick('dynamodb.', change, ['Keys', 'NewImage', 'OldImage'], optionalObject),
    SequenceNumber: checkSequenceNumber(change.SequenceNumber),
    SizeBytes: checkSize(change.SizeBytes),
    ...pick('dynamodb.', change, ['StreamViewType'], optionalString),
  }
}

/** Returns the members with these names, checked. */
function pick(
  path: string,
  from: Json,
  names: readonly string[],
  check: (path: string, value: unknown) => unknown,
): object {
  return Object.fromEntries(names.map((name) => [name, check(`${path}${name}`, from[name])]))
}

/** In GetRecords, the names of the members start with a capital letter. */
function convertIdentity(value: unknown): object | undefined {
  if (isAbsent(value)) return undefined
  const identity = object('userIdentity', value)
  return {
    PrincipalId: optionalString('userIdentity.principalId', identity.principalId),
    Type: optionalString('userIdentity.type', identity.type),
  }
}

/** The largest time that a `Date` can represent. */
const MAX_SECONDS = 8.64e12

function checkTime(seconds: unknown): number | undefined {
  if (isAbsent(seconds)) return undefined
  if (typeof seconds === 'number' && Math.abs(seconds) <= MAX_SECONDS) return seconds
  throw new LambdaRecordError('dynamodb.ApproximateCreationDateTime', 'a time in seconds since 1970')
}

function checkSequenceNumber(value: unknown): string {
  if (typeof value === 'string' && /^\d{1,128}$/.test(value)) return value
  throw new LambdaRecordError('dynamodb.SequenceNumber', 'a string of digits')
}

function checkSize(value: unknown): number | undefined {
  if (isAbsent(value)) return undefined
  if (typeof value === 'number') return value
  throw new LambdaRecordError('dynamodb.SizeBytes', 'a number')
}

function optionalString(path: string, value: unknown): string | undefined {
  if (isAbsent(value)) return undefined
  if (typeof value === 'string') return value
  throw new LambdaRecordError(path, 'a string')
}

function optionalObject(path: string, value: unknown): Json | undefined {
  return isAbsent(value) ? undefined : object(path, value)
}

/** @throws LambdaRecordError */
export function object(path: string, value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new LambdaRecordError(path, 'an object')
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}
