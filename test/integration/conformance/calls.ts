import { type AttributeValue, DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import {
  type _Record,
  DescribeStreamCommand,
  type DescribeStreamCommandInput,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type Shard,
  type ShardIteratorType,
  type StreamDescription,
} from '@aws-sdk/client-dynamodb-streams'
import type { SubjectTable } from './subjects.ts'

export type Item = Record<string, AttributeValue>

/** Writes an item with the key `id`. */
export async function put({ tables, tableName }: SubjectTable, id: string, rest: Item = {}): Promise<void> {
  await tables.send(new PutItemCommand({ TableName: tableName, Item: { id: { S: id }, ...rest } }))
}

export async function remove({ tables, tableName }: SubjectTable, id: string): Promise<void> {
  await tables.send(new DeleteItemCommand({ TableName: tableName, Key: { id: { S: id } } }))
}

export async function describeStream(
  { streams, streamArn }: SubjectTable,
  members: Partial<DescribeStreamCommandInput> = {},
): Promise<StreamDescription> {
  const command = new DescribeStreamCommand({ StreamArn: streamArn, ...members })
  return (await streams.send(command)).StreamDescription ?? {}
}

/** Returns the shards of the stream. Throws if it has none. */
export async function shardsOf(table: SubjectTable): Promise<[Shard, ...Shard[]]> {
  const [first, ...rest] = (await describeStream(table)).Shards ?? []
  if (!first) throw new Error('The stream has no shard')
  return [first, ...rest]
}

/** Opens an iterator for the shard, by default for the first one. */
export async function iterator(
  table: SubjectTable,
  type: ShardIteratorType,
  { shard, ...members }: { readonly shard?: Shard } & Partial<GetShardIteratorCommandInput> = {},
): Promise<string> {
  const { ShardId } = shard ?? (await shardsOf(table))[0]
  const { ShardIterator } = await table.streams.send(
    new GetShardIteratorCommand({
      StreamArn: table.streamArn,
      ShardId,
      ShardIteratorType: type,
      ...members,
    }),
  )
  return ShardIterator ?? ''
}

export async function read(
  { streams }: SubjectTable,
  ShardIterator: string | undefined,
  Limit?: number,
): Promise<GetRecordsCommandOutput & { Records: _Record[] }> {
  const page = await streams.send(new GetRecordsCommand({ ShardIterator, Limit }))
  return { ...page, Records: page.Records ?? [] }
}

/** Returns the records of the first shard. */
export async function readAll(table: SubjectTable): Promise<_Record[]> {
  return (await read(table, await iterator(table, 'TRIM_HORIZON'))).Records
}

/** Returns the partition keys of the records. */
export function keysOf({ Records }: { readonly Records: readonly _Record[] }): (string | undefined)[] {
  return Records.map(({ dynamodb }) => dynamodb?.Keys?.id?.S)
}

export function numberOf(record: _Record | undefined): string {
  return record?.dynamodb?.SequenceNumber ?? ''
}

/** Adds a number, which can be negative, to a sequence number, and keeps the number of digits. */
export function addTo(sequenceNumber: string, by: bigint): string {
  return (BigInt(sequenceNumber) + by).toString().padStart(sequenceNumber.length, '0')
}

/** Returns the code and status of the error, or `none`. The messages of errors are not part of the API. */
export async function errorOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } }
    return `${name} ${$metadata?.httpStatusCode}`
  }
  return 'none'
}

/**
 * Opens and reads an iterator. Returns the error of GetShardIterator or of GetRecords, or the keys of the
 * records.
 */
export async function outcome(
  table: SubjectTable,
  type: ShardIteratorType,
  members?: Parameters<typeof iterator>[2],
): Promise<string | (string | undefined)[]> {
  const opening = iterator(table, type, members)
  const noIterator = await errorOf(opening)
  if (noIterator !== 'none') return `no iterator: ${noIterator}`
  const reading = read(table, await opening)
  const noRecords = await errorOf(reading)
  return noRecords === 'none' ? keysOf(await reading) : `no records: ${noRecords}`
}

export const notFound = 'ResourceNotFoundException 400'
export const invalid = 'ValidationException 400'
export const internalFailure = 'InternalFailure 500'
export const trimmed = 'TrimmedDataAccessException 400'
export const expired = 'ExpiredIteratorException 400'
