import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { StreamError } from '../core/errors.ts'
import { MAX_SERIALIZED_LENGTH, parseSerializedToken } from '../position/serialized-token.ts'
import { type Item, type ItemTable, keyOf } from './dynamodb-table.ts'

/*
 * The items of a checkpoint. The *head* (part `head`) identifies the lease that can save the checkpoint, and
 * contains the token or points to its chunks:
 *
 * | attribute                | type | meaning                                                                        |
 * | ------------------------ | ---- | ------------------------------------------------------------------------------ |
 * | session                  | S    | random ID of the current lease; written only when a lease is acquired          |
 * | epoch                    | N    | number of leases acquired so far; written only when a lease is acquired        |
 * | version                  | N    | number of the last save, renewal or release                                    |
 * | data                     | B    | the token as gzipped JSON; or                                                  |
 * | chunkPrefix, chunkCount  | S, N | the start of the keys of its chunks, and their number                          |
 * | owner, loadedAt, savedAt | S    | the worker and the times; informational, no decision depends on them           |
 * | leaseMs                  | N    | time limit of the lease, in ms; 0: released; if absent, it has no time limit   |
 *
 * A *chunk* (part `chunk#<epoch>.<version>.<session>.<index>`) contains a piece of the token in its attribute
 * `data`.
 */

/** The sort key of the head. */
export const HEAD = 'head'

/**
 * Compressed tokens up to this size are stored in the head: one write per save, of about 60 write units.
 */
export const MAX_INLINE_BYTES = 60_000

/**
 * The limit for leases that are renewed: each renewal costs as many write units as the head has kilobytes,
 * and each poll of a standby worker a read unit per 4 kB.
 */
export const MAX_RENEWED_INLINE_BYTES = 8_000

/** DynamoDB limits an item to 400 KB, including attribute names and keys. */
export const CHUNK_BYTES = 350_000

/** A compressed token is not larger than its JSON. */
const MAX_CHUNKS: number = Math.ceil(MAX_SERIALIZED_LENGTH / CHUNK_BYTES)

const compress = promisify(gzip)
const expand = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip)

/** Compresses the JSON of a token for storage. Gzip also adds a checksum. */
export async function packToken(json: string): Promise<Uint8Array> {
  return compress(json)
}

/** @throws StreamError `token.invalid` if the data cannot be decompressed, or is not JSON. */
export async function unpackToken(items: ItemTable, name: string, packed: Uint8Array): Promise<unknown> {
  try {
    const json = await expand(packed, { maxOutputLength: MAX_SERIALIZED_LENGTH })
    return parseSerializedToken(json.toString('utf8'))
  } catch (cause) {
    throw damaged(items, name, 'its content cannot be decompressed, or is not JSON', cause)
  }
}

/** The part of a head that identifies the lease and its last change. */
export interface HeadLease {
  readonly session: string | undefined
  readonly owner: string | undefined
  readonly epoch: number
  readonly version: number
  /** The time limit of the lease; 0 if it was released, undefined if it has no limit. */
  readonly leaseMs: number | undefined
}

/** The parsed head of a checkpoint. */
export interface Head extends HeadLease {
  /** Undefined if nothing has been saved. */
  readonly content: Content | undefined
}

export type Content = { readonly data: Uint8Array } | Chunked

/** A token stored in chunks: the start of their sort keys, and their number. */
export interface Chunked {
  readonly chunkPrefix: string
  readonly chunkCount: number
}

/** The head of a checkpoint that does not exist. */
export const noHead: Head = {
  session: undefined,
  owner: undefined,
  epoch: 0,
  version: 0,
  leaseMs: undefined,
  content: undefined,
}

/**
 * Reads the lease of a head that exists.
 *
 * @throws StreamError `token.invalid`
 */
export function readHeadLease(items: ItemTable, name: string, item: Item): HeadLease {
  const number = (attribute: 'epoch' | 'version' | 'leaseMs') => {
    const value = item[attribute]
    if (value === undefined) return undefined
    const read = value.N === undefined ? Number.NaN : Number(value.N)
    if (!Number.isSafeInteger(read) || read < 0) throw damagedAt(items, name, attribute)
    return read
  }
  const { session, owner } = item
  if (session !== undefined && !session.S) throw damagedAt(items, name, 'session')
  return {
    session: session?.S,
    owner: owner?.S,
    epoch: number('epoch') ?? 0,
    version: number('version') ?? 0,
    leaseMs: number('leaseMs'),
  }
}

/**
 * Reads a head strictly: anything that this module would not have written is an error, never "no checkpoint".
 *
 * @throws StreamError `token.invalid`
 */
export function readHead(items: ItemTable, name: string, item: Item | undefined): Head {
  if (item === undefined) return noHead
  const head = readHeadLease(items, name, item)
  const { data, chunkPrefix, chunkCount, savedAt } = item
  if (data !== undefined) {
    if (!(data.B instanceof Uint8Array) || chunkPrefix !== undefined) throw damagedAt(items, name, 'data')
    return { ...head, content: { data: data.B } }
  }
  if (chunkPrefix !== undefined) {
    const chunks = chunkCount?.N === undefined ? Number.NaN : Number(chunkCount.N)
    if (!chunkPrefix.S?.startsWith(FIRST_CHUNK)) throw damagedAt(items, name, 'chunkPrefix')
    if (!Number.isInteger(chunks) || chunks < 1 || chunks > MAX_CHUNKS) {
      throw damagedAt(items, name, 'chunkCount')
    }
    return { ...head, content: { chunkPrefix: chunkPrefix.S, chunkCount: chunks } }
  }
  // A lease with a time limit can be renewed and released before anything is saved.
  const wasSaved = savedAt !== undefined || (head.version > 0 && head.leaseMs === undefined)
  if (wasSaved || chunkCount !== undefined) throw damaged(items, name, 'it does not contain a token')
  return { ...head, content: undefined }
}

function damagedAt(items: ItemTable, name: string, attribute: string): StreamError<'token.invalid'> {
  return damaged(items, name, `the attribute "${attribute}" is invalid`)
}

/** The error of a checkpoint that cannot be read. */
export function damaged(
  { tableName }: ItemTable,
  name: string,
  how: string,
  cause?: unknown,
): StreamError<'token.invalid'> {
  const message =
    `The checkpoint "${name}" in the table "${tableName}" is damaged: ${how}. It was left unchanged: ` +
    'restore its items from a backup, or delete them to start without a checkpoint.'
  return new StreamError('token.invalid', message, { field: '', expected: 'a saved token' }, cause)
}

/** The start of the sort keys of all chunks. */
export const FIRST_CHUNK = 'chunk#'

/**
 * One save of one lease. Chunk keys of a later generation sort after those of an earlier one. No two saves
 * share a key, even after a head was deleted by hand and epochs start at 1 again, since the key also contains
 * the session.
 */
export interface Generation {
  readonly epoch: number
  readonly version: number
}

/** Returns a key that sorts after the chunks of all earlier generations. */
export function generationKey({ epoch, version }: Generation): string {
  return `${FIRST_CHUNK}${String(epoch).padStart(12, '0')}.${String(version).padStart(12, '0')}`
}

export function chunkKey(name: string, prefix: string, index: number): ReturnType<typeof keyOf> {
  return keyOf(name, `${prefix}.${String(index).padStart(5, '0')}`)
}
