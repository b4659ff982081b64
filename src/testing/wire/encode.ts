import type { ListedShards } from '../calls/list-shards.ts'
import type { ListedStreams } from '../calls/list-streams.ts'
import type { ReadPage } from '../calls/read-records.ts'
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

export function getRecordsJson({ records, nextIterator }: ReadPage): string {
  const next = nextIterator === undefined ? '' : `,"NextShardIterator":${JSON.stringify(nextIterator)}`
  return `{"Records":[${records.map(recordJson).join()}]${next}}`
}

/** A record is written as text once, and every page that holds it is put together of such texts. */
function recordJson(record: StoredRecord): string {
  record.json ??= JSON.stringify(record.raw, replaceWireTypes)
  return record.json
}

function replaceWireTypes(this: unknown, key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object') {
    // `toJSON` has made a text of the Date already; the holder still has the Date itself.
    const held = (this as Record<string, unknown>)[key]
    return held instanceof Date ? held.getTime() / 1000 : value
  }
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  return value
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
