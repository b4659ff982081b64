import { DeleteItemCommand, GetItemCommand, PutItemCommand, paginateQuery } from '@aws-sdk/client-dynamodb'
import type { Chunked } from './dynamodb-item.ts'
import { type CheckpointTable, keyOf } from './dynamodb-table.ts'

/** DynamoDB limits an item to 400 KB, names and keys included. */
const CHUNK_BYTES = 350_000

/** Sorts before all chunks. */
const FIRST_CHUNK = 'chunk#'

/**
 * Where a token stands in the history of a checkpoint: which load of it was the last one before, and the number of the
 * save. The two together never come twice, and the keys of later ones sort after those of earlier ones.
 */
export interface Generation {
  readonly turn: number
  readonly version: number
}

function chunkPrefixOf({ turn, version }: Generation): string {
  return `${FIRST_CHUNK}${String(turn).padStart(12, '0')}.${String(version).padStart(12, '0')}`
}

function chunkKey(name: string, prefix: string, index: number): ReturnType<typeof keyOf> {
  return keyOf(name, `${prefix}.${String(index).padStart(5, '0')}`)
}

/** Writes what does not fit into one item. Nobody sees it until a head points to it. */
export async function writeChunks(
  { client, tableName }: CheckpointTable,
  name: string,
  generation: Generation,
  packed: Uint8Array,
): Promise<Chunked> {
  const chunkPrefix = chunkPrefixOf(generation)
  const chunkCount = Math.ceil(packed.length / CHUNK_BYTES)
  const write = async (_: unknown, index: number) => {
    const data = packed.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
    const Item = { ...chunkKey(name, chunkPrefix, index), data: { B: data } }
    await client.send(new PutItemCommand({ TableName: tableName, Item }))
  }
  await Promise.all(Array.from({ length: chunkCount }, write))
  return { chunkPrefix, chunkCount }
}

/** The parts put together again; `undefined` when one is missing. */
export async function readChunks(
  { client, tableName }: CheckpointTable,
  name: string,
  { chunkPrefix, chunkCount }: Chunked,
): Promise<Uint8Array | undefined> {
  const read = async (_: unknown, index: number) => {
    const Key = chunkKey(name, chunkPrefix, index)
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key, ConsistentRead: true }),
    )
    return Item?.data?.B
  }
  const chunks = await Promise.all(Array.from({ length: chunkCount }, read))
  const found = chunks.filter((chunk) => chunk !== undefined)
  return found.length === chunkCount ? Buffer.concat(found) : undefined
}

/**
 * Removes the chunks that sort before this generation: of earlier saves, and of earlier holders that were killed while
 * they saved. Those which a later holder writes sort behind it and stay.
 */
export async function deleteChunksBefore(
  { client, tableName }: CheckpointTable,
  name: string,
  generation: Generation,
): Promise<void> {
  const pages = paginateQuery(
    { client },
    {
      TableName: tableName,
      KeyConditionExpression: '#name = :name AND #part BETWEEN :first AND :last',
      ProjectionExpression: '#part',
      ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
      ExpressionAttributeValues: {
        ':name': { S: name },
        ':first': { S: FIRST_CHUNK },
        ':last': { S: chunkPrefixOf(generation) },
      },
    },
  )
  for await (const { Items = [] } of pages) {
    for (const { part } of Items) {
      const Key = keyOf(name, part?.S ?? '')
      await client.send(new DeleteItemCommand({ TableName: tableName, Key }))
    }
  }
}
