import {
  type AttributeValue,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'
import {
  CHUNK_BYTES,
  type Chunked,
  chunkKey,
  FIRST_CHUNK,
  type Generation,
  generationKey,
} from './dynamodb-item.ts'
import { abortedBy, type ItemTable, keyOf } from './dynamodb-table.ts'

/**
 * A save in chunks. It tracks the chunks that are still to be written, so that a retry does not repeat the
 * others.
 */
export interface ChunkedSave extends Chunked {
  readonly packed: Uint8Array
  readonly unwritten: Set<number>
}

/** Plans the chunks of one save, without making a call. */
export function planChunks(generation: Generation, session: string, packed: Uint8Array): ChunkedSave {
  const chunkPrefix = `${generationKey(generation)}.${session}`
  const chunkCount = Math.ceil(packed.length / CHUNK_BYTES)
  return { chunkPrefix, chunkCount, packed, unwritten: new Set(Array.from({ length: chunkCount }).keys()) }
}

/** Writes the unwritten chunks. No reader sees them until a head points to them. */
export async function writeChunks(
  { client, tableName }: ItemTable,
  name: string,
  { chunkPrefix, packed, unwritten }: ChunkedSave,
): Promise<void> {
  const write = async (index: number) => {
    const data = packed.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
    const Item = { ...chunkKey(name, chunkPrefix, index), data: { B: data } }
    await client.send(new PutItemCommand({ TableName: tableName, Item }))
    unwritten.delete(index)
  }
  const results = await Promise.allSettled([...unwritten].map(write))
  // Wait for all writes: one that is in flight when the save rejects could land after the next save.
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Returns the joined chunks, or `undefined` if one is missing. */
export async function readChunks(
  { client, tableName }: ItemTable,
  name: string,
  { chunkPrefix, chunkCount }: Chunked,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  const read = async (_: unknown, index: number) => {
    const Key = chunkKey(name, chunkPrefix, index)
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key, ConsistentRead: true }),
      abortedBy(signal),
    )
    return Item?.data?.B
  }
  const chunks = await Promise.all(Array.from({ length: chunkCount }, read))
  const found = chunks.filter((chunk) => chunk !== undefined)
  return found.length === chunkCount ? Buffer.concat(found) : undefined
}

/**
 * Deletes the chunks that sort before this generation: those of earlier saves, and those of earlier lease
 * holders that were killed during a save. The chunks of a later holder sort after it and remain.
 */
export async function deleteChunksBefore(
  { client, tableName }: ItemTable,
  name: string,
  generation: Generation,
): Promise<void> {
  const input = {
    TableName: tableName,
    KeyConditionExpression: '#name = :name AND #part BETWEEN :first AND :last',
    ProjectionExpression: '#part',
    ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
    ExpressionAttributeValues: {
      ':name': { S: name },
      ':first': { S: FIRST_CHUNK },
      ':last': { S: generationKey(generation) },
    },
  }
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined
  do {
    // Not the SDK's paginator: it rejects a client from another copy of the SDK.
    const { Items = [], LastEvaluatedKey } = await client.send(
      new QueryCommand({ ...input, ExclusiveStartKey }),
    )
    for (const { part } of Items) {
      const Key = keyOf(name, part?.S ?? '')
      await client.send(new DeleteItemCommand({ TableName: tableName, Key }))
    }
    ExclusiveStartKey = LastEvaluatedKey
  } while (ExclusiveStartKey !== undefined)
}
