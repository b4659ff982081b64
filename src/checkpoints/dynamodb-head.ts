import { GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { StreamError } from '../core/errors.ts'
import type { Generation } from './dynamodb-chunks.ts'
import { type Content, contentAttributes, HEAD, type Head, readHead } from './dynamodb-item.ts'
import { type CheckpointTable, type Item, isServiceError, keyOf } from './dynamodb-table.ts'

/** Who writes a head, and when. */
export interface Holder {
  /** Made at each load: as long as the head holds it, nobody else has loaded the checkpoint since. */
  readonly session: string
  readonly owner: string
  /** The time, for people who read the table. */
  readonly now: string
}

/**
 * Makes `session` the only one that may save, and gives the head that was there. Both in one step, so that of two workers
 * one is the last.
 */
export async function takeOver(
  { client, tableName }: CheckpointTable,
  name: string,
  { session, owner, now }: Holder,
): Promise<Head> {
  const { Attributes } = await client.send(
    new UpdateItemCommand({
      TableName: tableName,
      Key: keyOf(name, HEAD),
      UpdateExpression: 'SET #session = :session, #owner = :owner, #loadedAt = :now ADD #turn :one',
      ExpressionAttributeNames: {
        '#session': 'session',
        '#owner': 'owner',
        '#loadedAt': 'loadedAt',
        '#turn': 'turn',
      },
      ExpressionAttributeValues: {
        ':session': { S: session },
        ':owner': { S: owner },
        ':now': { S: now },
        ':one': { N: '1' },
      },
      ReturnValues: 'ALL_NEW',
    }),
  )
  return readHead(Attributes)
}

/**
 * Puts a token in the place of the former one, if the session still holds the checkpoint. A request that was given up on
 * and arrives late does nothing: it finds a higher version.
 *
 * @param mayCreate whether there may be no head yet.
 */
export async function putHead(
  { client, tableName }: CheckpointTable,
  name: string,
  { session, owner, now }: Holder,
  { turn, version }: Generation,
  content: Content,
  mayCreate: boolean,
): Promise<void> {
  const isMine = '#session = :session AND (attribute_not_exists(#version) OR #version <= :version)'
  try {
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: {
          ...keyOf(name, HEAD),
          session: { S: session },
          owner: { S: owner },
          savedAt: { S: now },
          turn: { N: String(turn) },
          version: { N: String(version) },
          ...contentAttributes(content),
        },
        ConditionExpression: mayCreate ? `attribute_not_exists(#session) OR (${isMine})` : isMine,
        ExpressionAttributeNames: { '#session': 'session', '#version': 'version' },
        ExpressionAttributeValues: { ':session': { S: session }, ':version': { N: String(version) } },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    )
  } catch (error) {
    if (!isServiceError(error, 'ConditionalCheckFailedException')) throw error
    throw conflict(name, 'Item' in error ? (error.Item as Item | undefined) : undefined, error)
  }
}

/** The head as it is now, for a look only. */
export async function getHead(
  { client, tableName }: CheckpointTable,
  name: string,
): Promise<Item | undefined> {
  const Key = keyOf(name, HEAD)
  const { Item } = await client.send(new GetItemCommand({ TableName: tableName, Key, ConsistentRead: true }))
  return Item
}

/** Says who holds the checkpoint, and what that means for this worker. */
export function conflict(
  name: string,
  item: Item | undefined,
  cause?: unknown,
): StreamError<'checkpoint.conflict'> {
  const { owner } = readHead(item)
  const what = item === undefined ? 'was removed' : `was taken over by ${owner ?? 'another worker'}`
  const message = `The checkpoint "${name}" ${what}: this worker saves nothing more under that name`
  return new StreamError('checkpoint.conflict', message, { name, owner }, cause)
}
