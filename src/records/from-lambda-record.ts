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
 * Its `raw` is what `GetRecordsCommand` returned for the record. The value is checked as untrusted input.
 * Members that are null or unknown are ignored, and those that an emulator may omit are optional. Attributes
 * of types that this version does not know are accepted, as when they are read from a stream.
 *
 * @param value - parsed JSON.
 * @param createdAtMs - the creation time if the record has none, in ms since 1970.
 * @throws LambdaRecordError
 */
export function fromLambdaRecord(value: unknown, shardId: string, createdAtMs = 0): StreamRecord {
  const record = object('', value)
  // A record of another event source, such as Kinesis, does not have `dynamodb`.
  const change = object('dynamodb', record.dynamodb)
  if (typeof record.eventSourceARN !== 'string') throw new LambdaRecordError('eventSourceARN', 'a string')
  const wire = {
    eventID: optionalString('eventID', record.eventID),
    eventName: optionalString('eventName', record.eventName),
    eventVersion: optionalString('eventVersion', record.eventVersion),
    eventSource: optionalString('eventSource', record.eventSource),
    awsRegion: optionalString('awsRegion', record.awsRegion),
    dynamodb: checkChange(change),
    userIdentity: checkIdentity(record.userIdentity),
  } as WireRecord
  return new StreamRecord(wire, { shardId, decode: decodeRecord }, createdAtMsOf(wire) ?? createdAtMs)
}

type Json = Readonly<Record<string, unknown>>

function checkChange(change: Json): object {
  return {
    ApproximateCreationDateTime: checkTime(change.ApproximateCreationDateTime),
    Keys: checkOptionalAttributes('dynamodb.Keys', change.Keys),
    NewImage: checkOptionalAttributes('dynamodb.NewImage', change.NewImage),
    OldImage: checkOptionalAttributes('dynamodb.OldImage', change.OldImage),
    SequenceNumber: checkSequenceNumber(change.SequenceNumber),
    SizeBytes: checkSize(change.SizeBytes),
    StreamViewType: optionalString('dynamodb.StreamViewType', change.StreamViewType),
  }
}

/** In GetRecords, the names of the members start with a capital letter. */
function checkIdentity(value: unknown): object | undefined {
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

function checkOptionalAttributes(path: string, value: unknown): Json | undefined {
  return isAbsent(value) ? undefined : checkAttributes(path, value, 1)
}

/**
 * DynamoDB limits the nesting of attributes to 32 levels. Far deeper ones would exhaust the call stack.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
const MAX_DEPTH = 100

function checkAttributes(path: string, value: unknown, depth: number): Json {
  const attributes = object(path, value)
  for (const attribute of Object.values(attributes)) checkAttribute(`${path}.*`, attribute, depth)
  return attributes
}

function checkAttribute(path: string, value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) {
    // Without the path, which has one part per level.
    throw new LambdaRecordError('', `nested in at most ${MAX_DEPTH} levels`)
  }
  const entries = Object.entries(object(path, value))
  const [entry] = entries
  if (entry === undefined || entries.length > 1) {
    throw new LambdaRecordError(path, "an object with one member, whose name is the attribute's type")
  }
  const [type, content] = entry
  const check = contentChecks.get(type)
  if (check !== undefined) check(`${path}.${type}`, content, depth)
  else if (!/^[A-Z]{1,16}$/.test(type))
    throw new LambdaRecordError(path, 'an attribute value, as in { S: … }')
}

type Check = (path: string, content: unknown, depth: number) => void

const contentChecks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['S', (path, content) => checkString(path, content)],
  ['N', (path, content) => checkNumber(path, content)],
  ['B', (path, content) => checkBase64(path, content)],
  ['SS', (path, content, depth) => checkEach(path, content, checkString, depth)],
  ['NS', (path, content, depth) => checkEach(path, content, checkNumber, depth)],
  ['BS', (path, content, depth) => checkEach(path, content, checkBase64, depth)],
  ['M', (path, content, depth) => void checkAttributes(path, content, depth + 1)],
  ['L', (path, content, depth) => checkEach(path, content, checkAttribute, depth + 1)],
  ['NULL', (path, content) => checkBoolean(path, content)],
  ['BOOL', (path, content) => checkBoolean(path, content)],
])

function checkEach(path: string, content: unknown, check: Check, depth: number): void {
  if (!Array.isArray(content)) throw new LambdaRecordError(path, 'an array')
  for (const member of content) check(`${path}[]`, member, depth)
}

function checkString(path: string, content: unknown): void {
  if (typeof content !== 'string') throw new LambdaRecordError(path, 'a string')
}

function checkNumber(path: string, content: unknown): void {
  if (typeof content === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?$/.test(content)) return
  throw new LambdaRecordError(path, 'a number as a string')
}

function checkBase64(path: string, content: unknown): void {
  const isBase64 =
    typeof content === 'string' && content.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(content)
  if (!isBase64) throw new LambdaRecordError(path, 'a string in base64')
}

function checkBoolean(path: string, content: unknown): void {
  if (typeof content !== 'boolean') throw new LambdaRecordError(path, 'a boolean')
}

function optionalString(path: string, value: unknown): string | undefined {
  if (isAbsent(value)) return undefined
  if (typeof value === 'string') return value
  throw new LambdaRecordError(path, 'a string')
}

function object(path: string, value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new LambdaRecordError(path, 'an object')
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}
