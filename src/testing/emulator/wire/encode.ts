import type { AttributeValue } from '@aws-sdk/client-dynamodb-streams'
import type { RawRecord } from '../../../wire/wire-record.ts'
import type { WireForm } from '../behavior/behavior.ts'
import type { ListedShards } from '../calls/list-shards.ts'
import type { ListedStreams } from '../calls/list-streams.ts'
import type { ReadPage } from '../calls/read-records.ts'
import type { AttributeMap } from '../state/attributes.ts'
import type { StoredRecord } from '../state/record.ts'
import type { Table } from '../state/table.ts'
import { JsonText, timeJson, writeJson } from './write-json.ts'

/** Encodes results of calls in AWS JSON 1.0: times in seconds, binary values in base64. */

export function describeStreamJson(
  table: Table,
  { stream, status, shards, lastEvaluatedShardId }: ListedShards,
  form: WireForm,
): string {
  const description = {
    StreamArn: stream.arn,
    StreamLabel: stream.label,
    StreamStatus: status,
    StreamViewType: stream.viewType,
    CreationRequestDateTime: timeJson(stream.createdAt, form),
    TableName: table.name,
    KeySchema: keySchemaJson(table),
    Shards: shards.map((shard) => ({
      ShardId: shard.shardId,
      SequenceNumberRange:
        shard.startingSequenceNumber === undefined && shard.endingSequenceNumber === undefined
          ? undefined
          : {
              StartingSequenceNumber: shard.startingSequenceNumber,
              EndingSequenceNumber: shard.endingSequenceNumber,
            },
      ParentShardId: shard.parentShardId,
    })),
    LastEvaluatedShardId: lastEvaluatedShardId,
  }
  return writeJson({ StreamDescription: description }, form)
}

/** AWS writes `NextShardIterator` before `Records`, DynamoDB Local after it. */
export function getRecordsJson({ records, nextIterator }: ReadPage, form: WireForm): Uint8Array {
  const recordsMember = recordsJson(records, form)
  const next = nextIterator === undefined ? undefined : `"NextShardIterator":${JSON.stringify(nextIterator)}`
  const [before, after] =
    form === 'aws'
      ? [next === undefined ? '{' : `{${next},`, '}']
      : ['{', next === undefined ? '}' : `,${next}}`]
  return Buffer.concat([Buffer.from(before), recordsMember, Buffer.from(after)])
}

/**
 * The JSON of pages with at least this many records is cached, so that benchmarks do not measure the
 * emulator.
 */
const CACHED_PAGE_RECORDS = 100

/** Encodes a page of records. Caches the JSON of a large page, or else that of each record. */
function recordsJson(records: readonly StoredRecord[], form: WireForm): Uint8Array {
  const [first] = records
  if (first?.page?.records === records.length && first.page.form === form) return first.page.json
  const json = Buffer.from(`"Records":[${records.map((record) => recordJson(record, form)).join()}]`)
  if (first && records.length >= CACHED_PAGE_RECORDS) {
    first.page = { records: records.length, form, json }
    // The JSON is now cached with the page. A page that starts at another record encodes its records again.
    for (const record of records) record.json = undefined
  }
  return json
}

function recordJson(record: StoredRecord, form: WireForm): string {
  if (record.json?.form !== form) record.json = { form, text: encodeRecord(record.raw, form) }
  return record.json.text
}

function encodeRecord(raw: RawRecord, form: WireForm): string {
  const { dynamodb = {} } = raw
  const { ApproximateCreationDateTime: createdAt, Keys, NewImage, OldImage, ...rest } = dynamodb
  const change = {
    ApproximateCreationDateTime: createdAt && timeJson(createdAt.getTime(), form),
    Keys: Keys && imageJson(Keys, form),
    NewImage: NewImage && imageJson(NewImage, form),
    OldImage: OldImage && imageJson(OldImage, form),
    ...withOrder(rest, ['SequenceNumber', 'SizeBytes', 'StreamViewType']),
  }
  return writeJson({ ...raw, dynamodb: change }, form)
}

function withOrder(members: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return { ...Object.fromEntries(names.map((name) => [name, members[name]])), ...members }
}

function imageJson(image: AttributeMap, form: WireForm): JsonText {
  const json = hasBinary(image) ? JSON.stringify(image, binaryAsBase64) : JSON.stringify(image)
  return new JsonText(form === 'local' ? json.replace(/[\ud800-\udfff]/g, escapeSurrogate) : json)
}

/** DynamoDB Local escapes characters above U+FFFF, as two surrogates. */
function escapeSurrogate(surrogate: string): string {
  return `\\u${surrogate.charCodeAt(0).toString(16).toUpperCase()}`
}

/** Most items have no binary values, and `JSON.stringify` is several times faster without a replacer. */
function hasBinary(image: AttributeMap): boolean {
  for (const name in image) {
    if (isBinary(image[name] as AttributeValue)) return true
  }
  return false
}

function isBinary({ B, BS, M, L }: AttributeValue): boolean {
  if (B || BS) return true
  if (M) return hasBinary(M)
  return L ? L.some(isBinary) : false
}

/**
 * Reads the value from its object, because for a `Buffer` the argument `value` is the result of its `toJSON`.
 */
function binaryAsBase64(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const original = this[key]
  if (!(original instanceof Uint8Array)) return value
  return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64')
}

export function listStreamsJson(
  table: Table,
  { streams, lastEvaluatedStreamArn }: ListedStreams,
  form: WireForm,
): string {
  const listed = streams.map(({ arn, label }) => ({
    StreamArn: arn,
    TableName: table.name,
    StreamLabel: label,
  }))
  return writeJson({ Streams: listed, LastEvaluatedStreamArn: lastEvaluatedStreamArn }, form)
}

export function keySchemaJson({ keySchema }: Table): unknown {
  const hash = { AttributeName: keySchema.hash, KeyType: 'HASH' }
  return keySchema.range === undefined ? [hash] : [hash, { AttributeName: keySchema.range, KeyType: 'RANGE' }]
}

/** Encodes an error. In `__type`, the part after `#` is the error code. */
export function errorJson(code: string, message: string): string {
  return JSON.stringify({ __type: `${namespaceOf(code)}#${code}`, message })
}

function namespaceOf(code: string): string {
  switch (code) {
    case 'ValidationException':
      return 'com.amazon.coral.validate'
    case 'ThrottlingException':
      return 'com.amazon.coral.availability'
    case 'AccessDeniedException':
    case 'ExpiredTokenException':
    case 'InternalFailure':
    case 'UnknownOperationException':
    case 'SerializationException':
    case 'UnrecognizedClientException':
      return 'com.amazon.coral.service'
    default:
      return 'com.amazonaws.dynamodb.v20120810'
  }
}
