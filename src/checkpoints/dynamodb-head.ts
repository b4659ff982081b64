import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { StreamError } from '../core/errors.ts'
import { type Content, HEAD, type Head, readHead } from './dynamodb-item.ts'
import { abortedBy, type Item, type ItemTable, isServiceError, keyOf } from './dynamodb-table.ts'

/** The worker that writes a head, and the time. */
export interface LeaseHolder {
  /** A random ID, one per lease. While the head contains it, no other worker has acquired the checkpoint. */
  readonly session: string
  readonly owner: string
  /** The time as an ISO string; informational only. */
  readonly now: string
}

/** Reads the head with a strongly consistent read. */
export async function getHead(
  items: ItemTable,
  name: string,
  signal?: AbortSignal,
): Promise<Item | undefined> {
  const { client, tableName } = items
  const input = { TableName: tableName, Key: keyOf(name, HEAD), ConsistentRead: true }
  const { Item } = await client.send(new GetItemCommand(input), abortedBy(signal))
  return Item
}

/**
 * Makes `session` the only one that can save, unless the lease was acquired by another worker since `seen`
 * was read. The write is conditional on the epoch, so a request that was abandoned and arrives late changes
 * nothing.
 *
 * @returns the new head, or undefined if another worker was faster.
 */
export async function acquireLease(
  items: ItemTable,
  name: string,
  { session, owner, now }: LeaseHolder,
  seen: Head,
  signal?: AbortSignal,
): Promise<Head | undefined> {
  const { client, tableName } = items
  const sameSession =
    seen.session === undefined ? 'attribute_not_exists(#session)' : '#session = :seenSession'
  const sameEpoch =
    seen.epoch === 0 ? '(attribute_not_exists(#epoch) OR #epoch = :seenEpoch)' : '#epoch = :seenEpoch'
  const command = new UpdateItemCommand({
    TableName: tableName,
    Key: keyOf(name, HEAD),
    UpdateExpression: 'SET #session = :session, #owner = :owner, #loadedAt = :now, #epoch = :epoch',
    ConditionExpression: `${sameEpoch} AND ${sameSession}`,
    ExpressionAttributeNames: {
      '#session': 'session',
      '#owner': 'owner',
      '#loadedAt': 'loadedAt',
      '#epoch': 'epoch',
    },
    ExpressionAttributeValues: {
      ':session': { S: session },
      ':owner': { S: owner },
      ':now': { S: now },
      ':epoch': { N: String(seen.epoch + 1) },
      ':seenEpoch': { N: String(seen.epoch) },
      ...(seen.session !== undefined && { ':seenSession': { S: seen.session } }),
    },
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  })
  try {
    const { Attributes } = await client.send(command, abortedBy(signal))
    return readHead(items, name, Attributes)
  } catch (error) {
    if (!isServiceError(error, 'ConditionalCheckFailedException')) throw error
    // An earlier attempt of this call may have succeeded although its response was lost.
    const item = itemOf(error) ?? (await getHead(items, name, signal))
    return item?.session?.S === session ? readHead(items, name, item) : undefined
  }
}

/**
 * Replaces the token, if the session still holds the lease. Never writes the epoch. The write is conditional
 * on the version, so a request that was abandoned and arrives after a later save changes nothing.
 *
 * @throws StreamError `checkpoint.conflict` if another worker has acquired the checkpoint.
 */
export async function saveHead(
  items: ItemTable,
  name: string,
  { session, owner, now }: LeaseHolder,
  version: number,
  content: Content,
): Promise<void> {
  const { client, tableName } = items
  const isInline = 'data' in content
  const command = new UpdateItemCommand({
    TableName: tableName,
    Key: keyOf(name, HEAD),
    UpdateExpression: `SET #version = :version, #owner = :owner, #savedAt = :now, ${
      isInline
        ? '#data = :data REMOVE #chunkPrefix, #chunkCount'
        : '#chunkPrefix = :chunkPrefix, #chunkCount = :chunkCount REMOVE #data'
    }`,
    ConditionExpression: '#session = :session AND (attribute_not_exists(#version) OR #version <= :version)',
    ExpressionAttributeNames: {
      '#session': 'session',
      '#version': 'version',
      '#owner': 'owner',
      '#savedAt': 'savedAt',
      '#data': 'data',
      '#chunkPrefix': 'chunkPrefix',
      '#chunkCount': 'chunkCount',
    },
    ExpressionAttributeValues: {
      ':session': { S: session },
      ':version': { N: String(version) },
      ':owner': { S: owner },
      ':now': { S: now },
      ...(isInline
        ? { ':data': { B: content.data } }
        : {
            ':chunkPrefix': { S: content.chunkPrefix },
            ':chunkCount': { N: String(content.chunkCount) },
          }),
    },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  })
  try {
    await client.send(command)
  } catch (error) {
    if (!isServiceError(error, 'ConditionalCheckFailedException')) throw error
    throw conflict(name, itemOf(error) ?? (await getHead(items, name)), error)
  }
}

/** The error of a worker whose lease was acquired by another worker, or whose checkpoint was deleted. */
export function conflict(
  name: string,
  item: Item | undefined,
  cause?: unknown,
): StreamError<'checkpoint.conflict'> {
  const owner = item?.owner?.S
  const what = item === undefined ? 'was deleted' : `was taken over by ${owner ?? 'another worker'}`
  const message = `The checkpoint "${name}" ${what}: this worker can no longer save it.`
  return new StreamError('checkpoint.conflict', message, { name, owner }, cause)
}

/** The error of a save without a load, which must not overwrite a checkpoint. */
export function alreadyExists(name: string, item: Item | undefined): StreamError<'checkpoint.conflict'> {
  const owner = item?.owner?.S
  const by = owner === undefined ? '' : ` (saved by ${owner})`
  const message = `The checkpoint "${name}" already exists${by}: load it before you save it.`
  return new StreamError('checkpoint.conflict', message, { name, owner })
}

/** Returns the item that failed the condition, if the response contains it. */
function itemOf(error: Error): Item | undefined {
  return 'Item' in error ? (error.Item as Item | undefined) : undefined
}
