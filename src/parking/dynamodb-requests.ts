import { randomUUID } from 'node:crypto'
import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { type Item, isServiceError } from '../checkpoints/dynamodb-table.ts'
import { untilNoConflict } from './dynamodb-conflict.ts'
import { getHeader, queryParts } from './dynamodb-header.ts'
import { apiKey, damaged, type ParkingTable, REQUESTS, requestKey } from './dynamodb-items.ts'
import type { ParkingRequest } from './parking-store.ts'

/*
 * A request (part `request#<keyHash>`):
 *
 * | attribute   | type | meaning                                                                              |
 * | ----------- | ---- | ------------------------------------------------------------------------------------ |
 * | action      | S    | `release` or `drop`                                                                  |
 * | id          | S    | random ID                                                                            |
 * | keyId       | S    | the `id` of the key's header: the request has no effect if the key is parked again   |
 * | until       | S    | of a drop: the position of the last record that was parked                           |
 * | requestedAt | S    | the time; informational                                                              |
 */

/** A request, and the `id` of the header that it refers to. */
interface StoredRequest extends ParkingRequest {
  readonly keyId: string
}

/**
 * Writes a request, which replaces an earlier one.
 *
 * It does not change or check the key in the same transaction: that would make transactions of the worker
 * fail. If the key is removed meanwhile, the request has no effect.
 *
 * @returns false if the key is not parked.
 */
export async function putRequest(
  table: ParkingTable,
  keyHash: string,
  action: ParkingRequest['action'],
): Promise<boolean> {
  const header = await getHeader(table, keyHash)
  if (header === undefined) return false
  const Item = {
    ...apiKey(table, requestKey(keyHash)),
    action: { S: action },
    id: { S: randomUUID() },
    keyId: { S: header.id },
    ...(action === 'drop' && { until: { S: header.key.last } }),
    requestedAt: { S: new Date(table.clock.now()).toISOString() },
  }
  const put = () => table.client.send(new PutItemCommand({ TableName: table.tableName, Item }))
  await untilNoConflict(table.clock, put)
  return true
}

/**
 * Reads all requests, those without effect included.
 *
 * @throws StreamError `parking.failed` if one is damaged.
 */
export async function listRequests(table: ParkingTable): Promise<StoredRequest[]> {
  const requests: StoredRequest[] = []
  for await (const item of queryParts(table, REQUESTS)) requests.push(readRequest(table, item))
  return requests
}

function readRequest(table: ParkingTable, { part, action, id, keyId, until }: Item): StoredRequest {
  const keyHash = part?.S?.slice(REQUESTS.length) ?? ''
  const isAction = action?.S === 'release' || action?.S === 'drop'
  if (isAction && id?.S && keyId?.S) {
    return {
      keyHash,
      action: action.S as ParkingRequest['action'],
      id: id.S,
      keyId: keyId.S,
      ...(until?.S !== undefined && { until: until.S }),
    }
  }
  throw damaged(table, 'read', `the item "${REQUESTS}${keyHash}" is invalid`, { keyHash })
}

/** Deletes a request, unless another one has replaced it. */
export async function deleteRequest(table: ParkingTable, { keyHash, id }: ParkingRequest): Promise<void> {
  const command = new DeleteItemCommand({
    TableName: table.tableName,
    Key: apiKey(table, requestKey(keyHash)),
    ConditionExpression: '#id = :id',
    ExpressionAttributeNames: { '#id': 'id' },
    ExpressionAttributeValues: { ':id': { S: id } },
  })
  try {
    await table.client.send(command)
  } catch (error) {
    if (!isServiceError(error, 'ConditionalCheckFailedException')) throw error
  }
}
