import type { TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Item, ItemTable } from '../checkpoints/dynamodb-table.ts'
import type { Clock } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'

/*
 * The items of one run, of which the partition key `name` and the sort key `part` are:
 *
 * | name                     | part                                  | item                                  |
 * | ------------------------ | ------------------------------------- | ------------------------------------- |
 * | `<run>#parking`          | `lease`                               | who can write: `dynamodb-fence.ts`    |
 * | `<run>#parking`          | `key#<keyHash>`                       | a parked key: `dynamodb-header.ts`    |
 * | `<run>#parking`          | `request#<keyHash>`                   | a request: `dynamodb-requests.ts`     |
 * | `<run>#parking#<keyHash>`| `record#<position>`                   | a record: `dynamodb-content.ts`       |
 * | `<run>#parking#<keyHash>`| `piece#<position>#<digest>#<index>`   | a piece of the content of a record    |
 *
 * Each key has a partition for its records, because DynamoDB limits the writes to a partition. Hashes have 22
 * characters, without `#`, so no two runs share a partition. A checkpoint whose name is that of a partition
 * shares it, but not its items: their sort keys are `head`, or start with `chunk#`.
 */

/** The length of what is appended to the name of a run: `#parking#` and a hash. */
export const NAME_SUFFIX_BYTES = 31

export const LEASE = 'lease'
export const HEADERS = 'key#'
export const REQUESTS = 'request#'
export const RECORDS = 'record#'
export const PIECES = 'piece#'

/** The length of a digest in the sort key of a piece. */
export const DIGEST_LENGTH = 22
const INDEX_LENGTH = 3

/** The items of one run in a table. */
export interface ParkingTable extends ItemTable {
  readonly run: string
  readonly clock: Clock
}

/** The key of an item. */
export interface ItemKey {
  /** The partition: of a key's records, or, if undefined, of all other items. */
  readonly keyHash?: string
  /** The sort key. */
  readonly part: string
}

/** Returns the partition of the records of a key, or the one of the other items. */
export function partitionOf({ run }: ParkingTable, keyHash?: string): string {
  return keyHash === undefined ? `${run}#parking` : `${run}#parking#${keyHash}`
}

export function headerKey(keyHash: string): ItemKey {
  return { part: `${HEADERS}${keyHash}` }
}

export function requestKey(keyHash: string): ItemKey {
  return { part: `${REQUESTS}${keyHash}` }
}

/** Returns the key of an item as the API expects it. */
export function apiKey(table: ParkingTable, { keyHash, part }: ItemKey): Item {
  return { name: { S: partitionOf(table, keyHash) }, part: { S: part } }
}

export function recordKey(keyHash: string, position: string): ItemKey {
  return { keyHash, part: `${RECORDS}${position}` }
}

export function pieceKey(keyHash: string, position: string, digest: string, index: number): ItemKey {
  return { keyHash, part: `${PIECES}${position}#${digest}#${String(index).padStart(INDEX_LENGTH, '0')}` }
}

/** Returns the position of the record that an item belongs to. */
export function positionOf(part: string): string {
  if (part.startsWith(RECORDS)) return part.slice(RECORDS.length)
  return part.slice(PIECES.length, -(1 + DIGEST_LENGTH + 1 + INDEX_LENGTH))
}

/** @throws StreamError `options.invalid` if `keyHash` is not the hash of a key. */
export function checkKeyHash(keyHash: string): void {
  if (typeof keyHash === 'string' && /^[\w-]{22}$/.test(keyHash)) return
  const expected = '22 characters of base64url'
  const message = `The hash of a key is invalid: it must be ${expected}.`
  throw new StreamError('options.invalid', message, { option: 'keyHash', value: keyHash, expected })
}

/** One action of a transaction. */
export interface Write {
  readonly key: ItemKey
  readonly action: TransactWriteItem
  /** The size of the item, or of the one that is deleted; an upper limit. */
  readonly bytes: number
  /** Identifies what is written, if it belongs to a record. */
  readonly fingerprint?: string
}

/** Replaces an item, or creates it. */
export function putItem(table: ParkingTable, key: ItemKey, attributes: Item): Write {
  const Item = { ...apiKey(table, key), ...attributes }
  return { key, action: { Put: { TableName: table.tableName, Item } }, bytes: itemBytes(Item) }
}

/**
 * Changes the attributes of an item that exists.
 *
 * @param attributes - the new values; undefined removes an attribute. An attribute that is not named remains.
 */
export function updateItem(
  table: ParkingTable,
  key: ItemKey,
  attributes: Readonly<Record<string, Item[string] | undefined>>,
): Write {
  const names = Object.keys(attributes)
  const set = names.filter((name) => attributes[name] !== undefined)
  const removed = names.filter((name) => attributes[name] === undefined)
  const values = Object.fromEntries(set.map((name) => [name, attributes[name] as Item[string]]))
  const Update = {
    TableName: table.tableName,
    Key: apiKey(table, key),
    UpdateExpression: [
      `SET ${set.map((name) => `#${name} = :${name}`).join(', ')}`,
      ...(removed.length > 0 ? [`REMOVE ${removed.map((name) => `#${name}`).join(', ')}`] : []),
    ].join(' '),
    ConditionExpression: 'attribute_exists(#part)',
    ExpressionAttributeNames: Object.fromEntries(['part', ...names].map((name) => [`#${name}`, name])),
    ExpressionAttributeValues: Object.fromEntries(
      Object.entries(values).map(([name, value]) => [`:${name}`, value]),
    ),
  }
  return { key, action: { Update }, bytes: itemBytes({ ...Update.Key, ...values }) }
}

/** @param bytes - the maximum size of the item. */
export function deleteItem(table: ParkingTable, key: ItemKey, bytes: number): Write {
  return { key, action: { Delete: { TableName: table.tableName, Key: apiKey(table, key) } }, bytes }
}

/**
 * Returns the size of an item, by the rules of
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html. Numbers
 * count as the most that they can have.
 */
function itemBytes(item: Item): number {
  let bytes = 0
  for (const [name, { S, B, N }] of Object.entries(item)) {
    bytes += Buffer.byteLength(name) + (S === undefined ? 0 : Buffer.byteLength(S)) + (B?.length ?? 0)
    if (N !== undefined) bytes += 21
  }
  return bytes
}

/** The error of an item that this package would not have written. */
export function damaged(
  { run, tableName }: ParkingTable,
  operation: 'acquire' | 'read',
  how: string,
  { keyHash, cause }: { readonly keyHash?: string | undefined; readonly cause?: unknown } = {},
): StreamError<'parking.failed'> {
  const message =
    `The parked keys of "${run}" in the table "${tableName}" are damaged: ${how}. They were left unchanged: ` +
    'restore the items from a backup, or delete those that are damaged.'
  return new StreamError('parking.failed', message, { name: run, keyHash, operation }, cause)
}
