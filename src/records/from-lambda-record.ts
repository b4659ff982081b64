import { convertLambdaRecord, type Json, LambdaRecordError, object } from './convert-lambda-record.ts'
import type { StreamRecord } from './stream-record.ts'

/**
 * Like {@link convertLambdaRecord}, for a value that may be anything: its keys and images are checked too.
 * Attributes of types that this version does not know are accepted, as when they are read from a stream.
 *
 * @param value - parsed JSON.
 * @param createdAtMs - the creation time if the record has none, in ms since 1970.
 * @throws LambdaRecordError
 */
export function fromLambdaRecord(value: unknown, shardId: string, createdAtMs = 0): StreamRecord {
  const record = convertLambdaRecord(value, shardId, createdAtMs)
  const { Keys, NewImage, OldImage } = object('dynamodb', object('', value).dynamodb)
  for (const [name, attributes] of Object.entries({ Keys, NewImage, OldImage })) {
    if (attributes !== undefined && attributes !== null) checkAttributes(`dynamodb.${name}`, attributes, 1)
  }
  return record
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
