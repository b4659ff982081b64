import { type AttributeValue, GetItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb'
import { abortedBy, type Item } from '../checkpoints/dynamodb-table.ts'
import {
  apiKey,
  damaged,
  deleteItem,
  HEADERS,
  headerKey,
  type ParkingTable,
  partitionOf,
  putItem,
  requestKey,
  updateItem,
  type Write,
} from './dynamodb-items.ts'
import type { ParkedKey, ParkedProgress } from './parking-store.ts'

/*
 * The header of a parked key (part `key#<keyHash>`). It has the members of `ParkedKey`, with `progress` as
 * JSON, and:
 *
 * | attribute | type | meaning                                                                                |
 * | --------- | ---- | -------------------------------------------------------------------------------------- |
 * | id        | S    | random ID, the same until the key is removed; requests refer to it                     |
 * | end       | S    | the position of the last record that belongs to the key; missing if it never had one   |
 * | floor     | S    | the greatest `finished` so far: the records up to it may have been deleted             |
 *
 * The records of the key are those after `floor` and up to `end`. There may be items of others: finished ones
 * that are still to be deleted, and those of an update that has not been completed.
 */

/** What a store keeps of a parked key for itself. */
export interface Bounds {
  readonly id: string
  readonly end: string | undefined
  readonly floor: string | undefined
}

export interface Header extends Bounds {
  readonly key: ParkedKey
}

/** Returns the write that creates or replaces a header. */
export function putHeader(table: ParkingTable, { id, end, floor }: Bounds, key: ParkedKey): Write {
  const { keyHash, finished, progress } = key
  return putItem(table, headerKey(keyHash), {
    id: { S: id },
    key: { S: key.key },
    state: { S: key.state },
    parkedAt: { N: String(key.parkedAt) },
    records: { N: String(key.records) },
    last: { S: key.last },
    ...(finished !== undefined && { finished: { S: finished } }),
    ...(progress !== undefined && { progress: { S: JSON.stringify(progress) } }),
    ...(end !== undefined && { end: { S: end } }),
    ...(floor !== undefined && { floor: { S: floor } }),
  })
}

/** Returns the write after which a key has no records, whatever is still stored. */
export function finishAll(table: ParkingTable, keyHash: string, end: string): Write {
  const changes = { finished: { S: end }, floor: { S: end }, records: { N: '0' }, progress: undefined }
  return updateItem(table, headerKey(keyHash), changes)
}

/** An upper limit for the size of a header or a request: an item key has up to 8 kB. */
const MAX_BYTES = 30_000

/** Returns the writes that delete a header and the request for the key. */
export function deleteHeader(table: ParkingTable, keyHash: string): Write[] {
  return [headerKey(keyHash), requestKey(keyHash)].map((key) => deleteItem(table, key, MAX_BYTES))
}

/** Returns the later of two positions. */
export function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one > other ? one : other
}

/**
 * Reads a header with a strongly consistent read.
 *
 * @returns undefined if the key is not parked.
 * @throws StreamError `parking.failed` if it is damaged.
 */
export async function getHeader(table: ParkingTable, keyHash: string): Promise<Header | undefined> {
  const Key = apiKey(table, headerKey(keyHash))
  const input = { TableName: table.tableName, Key, ConsistentRead: true }
  const { Item } = await table.client.send(new GetItemCommand(input))
  return Item && readHeader(table, 'read', Item)
}

/**
 * Yields the headers of all parked keys, with strongly consistent reads of up to 1 MB.
 *
 * @throws StreamError `parking.failed` if one is damaged.
 */
export async function* listHeaders(
  table: ParkingTable,
  operation: 'acquire' | 'read',
  signal?: AbortSignal,
): AsyncGenerator<Header, void, undefined> {
  for await (const item of queryParts(table, HEADERS, signal)) yield readHeader(table, operation, item)
}

/** Yields the items of a run whose sort keys have this prefix, other than records. */
export async function* queryParts(
  table: ParkingTable,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  const input = {
    TableName: table.tableName,
    ConsistentRead: true,
    KeyConditionExpression: '#name = :name AND begins_with(#part, :prefix)',
    ExpressionAttributeNames: { '#name': 'name', '#part': 'part' },
    ExpressionAttributeValues: { ':name': { S: partitionOf(table) }, ':prefix': { S: prefix } },
  }
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined
  do {
    const { Items = [], LastEvaluatedKey } = await table.client.send(
      new QueryCommand({ ...input, ExclusiveStartKey }),
      abortedBy(signal),
    )
    yield* Items
    ExclusiveStartKey = LastEvaluatedKey
  } while (ExclusiveStartKey !== undefined)
}

function readHeader(table: ParkingTable, operation: 'acquire' | 'read', item: Item): Header {
  const keyHash = item.part?.S?.slice(HEADERS.length) ?? ''
  const damagedAt = (attribute: string) => {
    const how = `the attribute "${attribute}" of the item "${HEADERS}${keyHash}" is invalid`
    return damaged(table, operation, how, { keyHash })
  }
  const string = (attribute: string): string => {
    const value = item[attribute]?.S
    if (value === undefined) throw damagedAt(attribute)
    return value
  }
  const optional = (attribute: string) => (item[attribute] === undefined ? undefined : string(attribute))
  const number = (attribute: string): number => {
    const { N } = item[attribute] ?? {}
    const value = Number(N)
    if (N === undefined || !Number.isFinite(value)) throw damagedAt(attribute)
    return value
  }
  const state = string('state')
  if (state !== 'parked' && state !== 'releasing') throw damagedAt('state')
  const records = number('records')
  if (!Number.isSafeInteger(records) || records < 0) throw damagedAt('records')
  const finished = optional('finished')
  const progressJson = optional('progress')
  const progress = progressJson === undefined ? undefined : parseProgress(progressJson)
  if (progress === undefined && progressJson !== undefined) throw damagedAt('progress')
  const key = {
    keyHash,
    key: string('key'),
    state,
    parkedAt: number('parkedAt'),
    records,
    last: string('last'),
    ...(finished !== undefined && { finished }),
    ...(progress !== undefined && { progress }),
  } as const
  return { id: string('id'), end: optional('end'), floor: optional('floor'), key }
}

/** Returns undefined if the JSON is not the progress of a parked record. */
function parseProgress(json: string): ParkedProgress | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { attempts, since, running, done, error } = value as Record<string, unknown>
  if (!Number.isSafeInteger(attempts) || (attempts as number) < 0 || !Number.isFinite(since)) return undefined
  if (running !== undefined && running !== true) return undefined
  if (done !== undefined && !isStrings(done)) return undefined
  if (error !== undefined && !isError(error)) return undefined
  return value as ParkedProgress
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

function isError(value: unknown): boolean {
  const { name, code } = (value ?? {}) as Record<string, unknown>
  return typeof name === 'string' && (code === undefined || typeof code === 'string')
}
