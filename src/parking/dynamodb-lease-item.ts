import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { abortedBy, type Item } from '../checkpoints/dynamodb-table.ts'
import { StreamError } from '../core/errors.ts'
import { apiKey, damaged, type ItemKey, LEASE, type ParkingTable, partitionOf } from './dynamodb-items.ts'

/*
 * The lease item (part `lease`), which every transaction changes:
 *
 * | attribute         | type | meaning                                                                         |
 * | ----------------- | ---- | ------------------------------------------------------------------------------- |
 * | session           | S    | random ID of the lease that can write                                           |
 * | version           | N    | the number of transactions of this lease so far                                 |
 * | epoch             | N    | the greatest fencing number of the checkpoint so far                            |
 * | written           | S    | the keys of the items that the last transaction has written, as JSON            |
 * | incomplete        | S    | the hash of the key of an update whose records are written, but not its header  |
 * | owner, acquiredAt | S    | the worker and the time; informational, no decision depends on them             |
 */

/** The parsed lease item. */
export interface Lease {
  readonly session: string
  readonly owner: string | undefined
  readonly version: number
  readonly epoch: number
  readonly written: readonly ItemKey[]
  readonly incomplete: string | undefined
}

/** Reads the lease item with a strongly consistent read. */
export async function getLease(table: ParkingTable, signal?: AbortSignal): Promise<Lease | undefined> {
  const Key = apiKey(table, { part: LEASE })
  const input = { TableName: table.tableName, Key, ConsistentRead: true }
  const { Item } = await table.client.send(new GetItemCommand(input), abortedBy(signal))
  return readLease(table, Item)
}

/** @throws StreamError `parking.failed` if the item is damaged. */
export function readLease(table: ParkingTable, item: Item | undefined): Lease | undefined {
  if (item === undefined) return undefined
  const damagedAt = (attribute: string) =>
    damaged(table, 'acquire', `the attribute "${attribute}" of the item "${LEASE}" is invalid`)
  const count = (attribute: 'version' | 'epoch') => {
    const value = Number(item[attribute]?.N)
    if (!Number.isSafeInteger(value) || value < 0) throw damagedAt(attribute)
    return value
  }
  const { session, owner, written, incomplete } = item
  if (!session?.S) throw damagedAt('session')
  const keys = written === undefined ? [] : parseWritten(written.S ?? '')
  if (keys === undefined) throw damagedAt('written')
  if (incomplete !== undefined && !incomplete.S) throw damagedAt('incomplete')
  return {
    session: session.S,
    owner: owner?.S,
    version: count('version'),
    epoch: count('epoch'),
    written: keys,
    incomplete: incomplete?.S,
  }
}

/** Returns the value of the attribute `written`. */
export function writtenJson(keys: readonly ItemKey[]): string {
  return JSON.stringify(keys.map(({ keyHash, part }) => (keyHash === undefined ? [part] : [part, keyHash])))
}

function parseWritten(json: string): ItemKey[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  const isKey = (key: unknown): key is [part: string, keyHash?: string] =>
    Array.isArray(key) && typeof key[0] === 'string' && key.every((entry) => typeof entry === 'string')
  if (!Array.isArray(value) || !value.every(isKey)) return undefined
  return value.map(([part, keyHash]) => (keyHash === undefined ? { part } : { part, keyHash }))
}

/** The error of a worker whose lease was acquired by another worker, or deleted. */
export function conflict(
  { run }: ParkingTable,
  lease: Lease | undefined,
  cause?: unknown,
): StreamError<'checkpoint.conflict'> {
  const owner = lease?.owner
  const what =
    lease === undefined
      ? `The lease of the parked keys of "${run}" was deleted`
      : `The parked keys of "${run}" were taken over by ${owner ?? 'another worker'}`
  const message = `${what}: this worker can no longer save them.`
  return new StreamError('checkpoint.conflict', message, { name: run, owner }, cause)
}

/** The error of a worker that has lost its checkpoint, or whose checkpoint was deleted and created again. */
export function smallerEpoch(
  table: ParkingTable,
  epoch: number,
  { epoch: stored, owner }: Lease,
): StreamError<'checkpoint.conflict'> {
  const { run, tableName } = table
  const message =
    `The parked keys of "${run}" were acquired by ${owner ?? 'another worker'} with a checkpoint of the epoch ` +
    `${stored}, but the checkpoint of this worker has the epoch ${epoch}: another worker has acquired it since. ` +
    'If you have deleted the checkpoint on purpose, also delete the item with the name ' +
    `"${partitionOf(table)}" and the part "${LEASE}" from the table "${tableName}"; parked records remain.`
  return new StreamError('checkpoint.conflict', message, { name: run, owner })
}
