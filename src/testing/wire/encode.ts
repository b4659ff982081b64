import type { AttributeValue } from '@aws-sdk/client-dynamodb-streams'
import type { RawRecord } from '../../wire/wire-record.ts'
import type { ListedShards } from '../calls/list-shards.ts'
import type { ListedStreams } from '../calls/list-streams.ts'
import type { ReadPage } from '../calls/read-records.ts'
import type { AttributeMap } from '../world/attributes.ts'
import type { StoredRecord } from '../world/record.ts'
import type { Table } from '../world/table.ts'

/** The calls' results in AWS JSON 1.0: times as seconds, binary values in base64. */

export function describeStreamJson(
  table: Table,
  { stream, status, shards, lastEvaluatedShardId }: ListedShards,
): string {
  return JSON.stringify({
    StreamDescription: {
      StreamArn: stream.arn,
      StreamLabel: stream.label,
      StreamStatus: status,
      StreamViewType: stream.viewType,
      CreationRequestDateTime: stream.createdAt / 1000,
      TableName: table.name,
      KeySchema: keySchemaJson(table),
      Shards: shards.map((shard) => ({
        ShardId: shard.shardId,
        ParentShardId: shard.parentShardId,
        SequenceNumberRange:
          shard.startingSequenceNumber === undefined && shard.endingSequenceNumber === undefined
            ? undefined
            : {
                StartingSequenceNumber: shard.startingSequenceNumber,
                EndingSequenceNumber: shard.endingSequenceNumber,
              },
      })),
      LastEvaluatedShardId: lastEvaluatedShardId,
    },
  })
}

export function getRecordsJson({ records, nextIterator }: ReadPage): Uint8Array {
  const next = nextIterator === undefined ? '' : `,"NextShardIterator":${JSON.stringify(nextIterator)}`
  return Buffer.concat([recordsJson(records), Buffer.from(`]${next}}`)])
}

/** Pages from so many records on are kept as they go out, so that a benchmark doesn't measure the emulator. */
const largePage = 100

/** A record is written as text once, or the large page that it is on. */
function recordsJson(records: readonly StoredRecord[]): Uint8Array {
  const [first] = records
  if (first?.page?.records === records.length) return first.page.json
  const json = Buffer.from(`{"Records":[${records.map(recordJson).join()}`)
  if (first && records.length >= largePage) {
    first.page = { records: records.length, json }
    // The texts are in the page now; a page that begins elsewhere has them made again.
    for (const record of records) record.json = undefined
  }
  return json
}

function recordJson(record: StoredRecord): string {
  record.json ??= encodeRecord(record.raw)
  return record.json
}

function encodeRecord(raw: RawRecord): string {
  const { ApproximateCreationDateTime: createdAt, ...dynamodb } = raw.dynamodb ?? {}
  const wire = {
    ...raw,
    dynamodb: createdAt ? { ApproximateCreationDateTime: createdAt.getTime() / 1000, ...dynamodb } : dynamodb,
  }
  const { Keys = {}, NewImage = {}, OldImage = {} } = dynamodb
  const binary = hasBinary(Keys) || hasBinary(NewImage) || hasBinary(OldImage)
  return binary ? JSON.stringify(wire, binaryAsBase64) : JSON.stringify(wire)
}

/** Most items have no binary values; without a replacer JSON is written several times as fast. */
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

/** Looks at what the holder has, as a `Buffer` has put its `toJSON` before `value`. */
function binaryAsBase64(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const held = this[key]
  if (!(held instanceof Uint8Array)) return value
  return Buffer.from(held.buffer, held.byteOffset, held.byteLength).toString('base64')
}

export function listStreamsJson(table: Table, { streams, lastEvaluatedStreamArn }: ListedStreams): string {
  return JSON.stringify({
    Streams: streams.map(({ arn, label }) => ({ StreamArn: arn, TableName: table.name, StreamLabel: label })),
    LastEvaluatedStreamArn: lastEvaluatedStreamArn,
  })
}

export function keySchemaJson({ keySchema }: Table): unknown {
  const hash = { AttributeName: keySchema.hash, KeyType: 'HASH' }
  return keySchema.range === undefined ? [hash] : [hash, { AttributeName: keySchema.range, KeyType: 'RANGE' }]
}

/** `__type` as the service writes it: the part after `#` is the code. */
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
