import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { StreamError } from '../core/errors.ts'
import { type Content, HEAD, type Head, readHead } from './dynamodb-item.ts'
import { abortedBy, type CheckpointItems, type Item, isServiceError, keyOf } from './dynamodb-table.ts'

/** Who writes a head, and when. */
export interface LeaseHolder {
  /** Random, one per lease: as long as the head holds it, no other worker has taken the checkpoint over. */
  readonly session: string
  readonly owner: string
  /** The time, for people who read the table. */
  readonly now: string
}

/** The head as it is now. */
export async function getHead(
  items: CheckpointItems,
  name: string,
  signal?: AbortSignal,
): Promise<Item | undefined> {
  const { client, tableName } = items
  const input = { TableName: tableName, Key: keyOf(name, HEAD), ConsistentRead: true }
  const { Item } = await client.send(new GetItemCommand(input), abortedBy(signal))
  return Item
}

/**
 * Makes `session` the only one that may save, unless the checkpoint was taken over since `seen` was read: a request that was
 * given up and arrives late finds a later epoch and changes nothing.
 *
 * @returns the head after it, or undefined where another worker was faster.
 */
export async function acquireLease(
  items: CheckpointItems,
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
    // Its own earlier try, the response to which was lost?
    const item = itemOf(error) ?? (await getHead(items, name, signal))
    return item?.session?.S === session ? readHead(items, name, item) : undefined
  }
}

/**
 * Replaces the token, if the session still holds the checkpoint. Never writes the epoch. A request that was given up and
 * arrives late finds a higher version and changes nothing.
 *
 * @throws StreamError `checkpoint.conflict`
 */
export async function saveHead(
  items: CheckpointItems,
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
    UpdateExpression: isInline
      ? 'SET #version = :version, #owner = :owner, #savedAt = :now, #data = :data REMOVE #chunkPrefix, #chunkCount'
      : 'SET #version = :version, #owner = :owner, #savedAt = :now, #chunkPrefix = :chunkPrefix, #chunkCount = :chunkCount REMOVE #data',
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

/** Says who holds the checkpoint, and what that means for this worker. */
export function conflict(
  name: string,
  item: Item | undefined,
  cause?: unknown,
): StreamError<'checkpoint.conflict'> {
  const owner = item?.owner?.S
  const what = item === undefined ? 'was removed' : `was taken over by ${owner ?? 'another worker'}`
  const message = `The checkpoint "${name}" ${what}: this worker saves nothing more under that name`
  return new StreamError('checkpoint.conflict', message, { name, owner }, cause)
}

/** Of a save without a load, which overwrites nothing. */
export function alreadyExists(name: string, item: Item | undefined): StreamError<'checkpoint.conflict'> {
  const owner = item?.owner?.S
  const by = owner === undefined ? '' : ` by ${owner}`
  const message = `The checkpoint "${name}" was saved${by} already: load it before saving under that name`
  return new StreamError('checkpoint.conflict', message, { name, owner })
}

/** The item that a condition was checked against, as far as the response holds it. */
function itemOf(error: Error): Item | undefined {
  return 'Item' in error ? (error.Item as Item | undefined) : undefined
}
