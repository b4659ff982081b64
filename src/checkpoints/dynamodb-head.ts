import { type AttributeValue, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { StreamError } from '../core/errors.ts'
import { invalidOption } from '../core/options.ts'
import { type Content, HEAD, type Head, type HeadLease, readHead, readHeadLease } from './dynamodb-item.ts'
import { abortedBy, type Item, type ItemTable, isServiceError, keyOf } from './dynamodb-table.ts'
import type { CheckpointLeaseState } from './store.ts'

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

/** Reads the attributes of the head that describe its lease, without the token. */
export async function getHeadLease(
  { client, tableName }: ItemTable,
  name: string,
  signal?: AbortSignal,
): Promise<Item | undefined> {
  const attributes = ['session', 'owner', 'epoch', 'version', 'leaseMs']
  const { Item } = await client.send(
    new GetItemCommand({
      TableName: tableName,
      Key: keyOf(name, HEAD),
      ConsistentRead: true,
      ProjectionExpression: attributes.map((attribute) => `#${attribute}`).join(', '),
      ExpressionAttributeNames: Object.fromEntries(
        attributes.map((attribute) => [`#${attribute}`, attribute]),
      ),
    }),
    abortedBy(signal),
  )
  return Item
}

/** The lease that a worker acquires. */
export interface NewLease extends LeaseHolder {
  /** The time limit, in ms. */
  readonly leaseMs?: number | undefined
}

/** The head that a worker has seen, and on which its acquisition depends. */
export interface SeenHead {
  readonly session: string | undefined
  readonly epoch: number
  /** Undefined if saves and renewals since then do not matter: the lease is acquired from a live worker. */
  readonly version?: number | undefined
  /** Whether a token is known to have been saved. */
  readonly content?: Content | undefined
}

/**
 * Makes `session` the only one that can save, unless the lease was acquired by another worker since `seen`
 * was read or, if `seen` has a version, was saved or renewed. The write is conditional on the epoch, so a
 * request that was abandoned and arrives late changes nothing.
 *
 * @returns the new head, or undefined if another worker was faster.
 */
export async function acquireLease(
  items: ItemTable,
  name: string,
  { session, owner, now, leaseMs }: NewLease,
  seen: SeenHead,
  signal?: AbortSignal,
): Promise<Head | undefined> {
  const { client, tableName } = items
  // Without a time limit, a version without a token would look like a damaged checkpoint.
  const isFirstVersion = leaseMs === undefined && seen.content === undefined
  const unchanged = [
    numberIs('epoch', seen.epoch),
    seen.session === undefined ? 'attribute_not_exists(#session)' : '#session = :seenSession',
    ...(seen.version === undefined ? [] : [numberIs('version', seen.version)]),
  ]
  const command = new UpdateItemCommand({
    TableName: tableName,
    Key: keyOf(name, HEAD),
    UpdateExpression:
      'SET #session = :session, #owner = :owner, #loadedAt = :now, #epoch = :epoch' +
      (leaseMs === undefined
        ? ` REMOVE #leaseMs${isFirstVersion ? ', #version' : ''}`
        : ', #leaseMs = :leaseMs'),
    ConditionExpression: unchanged.join(' AND '),
    ExpressionAttributeNames: {
      '#session': 'session',
      '#owner': 'owner',
      '#loadedAt': 'loadedAt',
      '#epoch': 'epoch',
      '#leaseMs': 'leaseMs',
      ...((isFirstVersion || seen.version !== undefined) && { '#version': 'version' }),
    },
    ExpressionAttributeValues: {
      ':session': { S: session },
      ':owner': { S: owner },
      ':now': { S: now },
      ':epoch': { N: String(seen.epoch + 1) },
      ':seenEpoch': { N: String(seen.epoch) },
      ...(leaseMs !== undefined && { ':leaseMs': { N: String(leaseMs) } }),
      ...(seen.session !== undefined && { ':seenSession': { S: seen.session } }),
      ...(seen.version !== undefined && { ':seenVersion': { N: String(seen.version) } }),
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

/** A condition on `epoch` or `version`, which a head without the attribute fulfills for 0. */
function numberIs(attribute: 'epoch' | 'version', value: number): string {
  const seen = attribute === 'epoch' ? ':seenEpoch' : ':seenVersion'
  const isEqual = `#${attribute} = ${seen}`
  return value === 0 ? `(attribute_not_exists(#${attribute}) OR ${isEqual})` : isEqual
}

/** What a worker with a lease writes: a token, a renewal or the release. Each has a new version. */
export type HeadChange = Content | 'renew' | 'release'

/**
 * Changes the head, if the session still holds the lease. Never writes the epoch. The write is conditional on
 * the version, so a request that was abandoned and arrives after a later one changes nothing.
 *
 * @returns undefined, or the version of a later change of the same session, which came first.
 * @throws StreamError `checkpoint.conflict` if another worker has acquired the checkpoint.
 */
export async function changeHead(
  items: ItemTable,
  name: string,
  { session, owner, now }: LeaseHolder,
  version: number,
  change: HeadChange,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const { client, tableName } = items
  const { update, names, values } = updateOf(change, owner, now)
  const command = new UpdateItemCommand({
    TableName: tableName,
    Key: keyOf(name, HEAD),
    UpdateExpression: `SET #version = :version${update}`,
    ConditionExpression: '#session = :session AND (attribute_not_exists(#version) OR #version <= :version)',
    ExpressionAttributeNames: {
      '#session': 'session',
      '#version': 'version',
      ...Object.fromEntries(names.map((attribute) => [`#${attribute}`, attribute])),
    },
    ExpressionAttributeValues: {
      ':session': { S: session },
      ':version': { N: String(version) },
      ...values,
    },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  })
  try {
    await client.send(command, abortedBy(signal))
    return undefined
  } catch (error) {
    if (!isServiceError(error, 'ConditionalCheckFailedException')) throw error
    const item = itemOf(error) ?? (await getHead(items, name, signal))
    if (item?.session?.S !== session) throw conflict(name, item, error)
    return readHeadLease(items, name, item).version
  }
}

interface HeadUpdate {
  /** Continues the SET clause of the update expression. */
  readonly update: string
  readonly names: readonly string[]
  readonly values: Record<string, AttributeValue>
}

function updateOf(change: HeadChange, owner: string, now: string): HeadUpdate {
  if (change === 'renew') return { update: '', names: [], values: {} }
  if (change === 'release') {
    return { update: ', #leaseMs = :leaseMs', names: ['leaseMs'], values: { ':leaseMs': { N: '0' } } }
  }
  const saved = ', #owner = :owner, #savedAt = :now'
  const names = ['owner', 'savedAt', 'data', 'chunkPrefix', 'chunkCount']
  const values = { ':owner': { S: owner }, ':now': { S: now } }
  if ('data' in change) {
    return {
      update: `${saved}, #data = :data REMOVE #chunkPrefix, #chunkCount`,
      names,
      values: { ...values, ':data': { B: change.data } },
    }
  }
  return {
    update: `${saved}, #chunkPrefix = :chunkPrefix, #chunkCount = :chunkCount REMOVE #data`,
    names,
    values: {
      ...values,
      ':chunkPrefix': { S: change.chunkPrefix },
      ':chunkCount': { N: String(change.chunkCount) },
    },
  }
}

/** The state of the lease of a head for the store's callers, which they pass back to acquire it. */
export function stateOf(lease: HeadLease): CheckpointLeaseState {
  const { session, owner, epoch, version, leaseMs } = lease
  return {
    revision: `${epoch}.${version}.${session ?? ''}`,
    epoch,
    owner,
    leaseMs: session === undefined ? 0 : leaseMs,
  }
}

/** @throws StreamError `options.invalid` if the state is not from {@link stateOf}. */
export function seenIn(state: CheckpointLeaseState): Required<Omit<SeenHead, 'content'>> {
  const [, epoch, version, session] = /^(\d+)\.(\d+)\.(.*)$/s.exec(state.revision) ?? []
  if (epoch === undefined) {
    throw invalidOption('ifState', state, 'a state that leaseState() of this store has returned')
  }
  return { session: session || undefined, epoch: Number(epoch), version: Number(version) }
}

/** The error of a worker that would acquire the lease only in a state that has changed. */
export function leaseChanged(name: string): StreamError<'checkpoint.conflict'> {
  const message = `The lease of the checkpoint "${name}" has changed since its state was read.`
  return new StreamError('checkpoint.conflict', message, { name })
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
