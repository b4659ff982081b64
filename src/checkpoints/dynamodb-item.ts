import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { StreamError } from '../core/errors.ts'
import { MAX_SERIALIZED_LENGTH, parseSerializedToken } from '../position/serialized-token.ts'
import { type CheckpointItems, type Item, keyOf } from './dynamodb-table.ts'

/*
 * The items of a checkpoint. The *head* (part `head`) says who may save it and holds the token, or says where its chunks are:
 *
 * | attribute               | type | meaning                                                                               |
 * | ----------------------- | ---- | ------------------------------------------------------------------------------------- |
 * | session                 | S    | random id of the lease that may save; written by a take-over only                     |
 * | epoch                   | N    | number of take-overs so far, the epoch of the lease; written by a take-over only      |
 * | version                 | N    | number of the last save (with a lease by time: of renewals, too)                      |
 * | data                    | B    | the token, JSON in gzip; or                                                           |
 * | chunkPrefix, chunkCount | S, N | where its chunks are and how many                                                     |
 * | owner, loadedAt, savedAt| S    | who and when, for people who read the table; nothing is decided by them               |
 * | leaseMs                 | N    | reserved: how long the lease lasts without a renewal; absent: until it is taken over  |
 *
 * A *chunk* (part `chunk#<epoch>.<version>.<session>.<index>`) holds a piece of `data` in its own attribute `data`.
 */

/** The part of the head. */
export const HEAD = 'head'

/** Up to this size a token is stored in the head itself: one write per save, of at most 60 write units. */
export const MAX_INLINE_BYTES = 60_000

/** DynamoDB limits an item to 400 KB, names and keys included. */
export const CHUNK_BYTES = 350_000

/** No token is larger than its text. */
const MAX_CHUNKS: number = Math.ceil(MAX_SERIALIZED_LENGTH / CHUNK_BYTES)

const compress = promisify(gzip)
const expand = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip)

/** Returns the JSON text of a token in the form in which it is stored. Gzip, for its checksum too. */
export async function packToken(text: string): Promise<Uint8Array> {
  return compress(text)
}

/** @throws StreamError `token.invalid` */
export async function unpackToken(
  items: CheckpointItems,
  name: string,
  packed: Uint8Array,
): Promise<unknown> {
  try {
    const text = await expand(packed, { maxOutputLength: MAX_SERIALIZED_LENGTH })
    return parseSerializedToken(text.toString('utf8'))
  } catch (cause) {
    throw damaged(items, name, 'its content cannot be expanded', cause)
  }
}

/** What a head holds. */
export interface Head {
  readonly session: string | undefined
  readonly owner: string | undefined
  readonly epoch: number
  readonly version: number
  /** Undefined as long as nothing was saved. */
  readonly content: Content | undefined
}

export type Content = { readonly data: Uint8Array } | Chunked

/** A token in chunks: the start of their keys, and how many there are. */
export interface Chunked {
  readonly chunkPrefix: string
  readonly chunkCount: number
}

/** The head of a checkpoint that does not exist. */
export const noHead: Head = { session: undefined, owner: undefined, epoch: 0, version: 0, content: undefined }

/**
 * Reads a head strictly: what does not look like one that was written here is damaged, never "no checkpoint".
 * @throws StreamError `token.invalid`
 */
export function readHead(items: CheckpointItems, name: string, item: Item | undefined): Head {
  if (item === undefined) return noHead
  const damagedAt = (attribute: string) => damaged(items, name, `the attribute "${attribute}" is invalid`)
  const count = (attribute: 'epoch' | 'version') => {
    const value = item[attribute]
    if (value === undefined) return 0
    const number = value.N === undefined ? Number.NaN : Number(value.N)
    if (!Number.isSafeInteger(number) || number < 0) throw damagedAt(attribute)
    return number
  }
  const { session } = item
  if (session !== undefined && !session.S) throw damagedAt('session')
  const head = { session: session?.S, owner: item.owner?.S, epoch: count('epoch'), version: count('version') }
  const { data, chunkPrefix, chunkCount } = item
  if (data !== undefined) {
    if (!(data.B instanceof Uint8Array) || chunkPrefix !== undefined) throw damagedAt('data')
    return { ...head, content: { data: data.B } }
  }
  if (chunkPrefix !== undefined) {
    const chunks = chunkCount?.N === undefined ? Number.NaN : Number(chunkCount.N)
    if (!chunkPrefix.S?.startsWith(FIRST_CHUNK)) throw damagedAt('chunkPrefix')
    if (!Number.isInteger(chunks) || chunks < 1 || chunks > MAX_CHUNKS) throw damagedAt('chunkCount')
    return { ...head, content: { chunkPrefix: chunkPrefix.S, chunkCount: chunks } }
  }
  if (head.version > 0 || chunkCount !== undefined) throw damaged(items, name, 'it holds no token')
  return { ...head, content: undefined }
}

/** @throws StreamError `token.invalid`, always */
export function damaged(
  { tableName }: CheckpointItems,
  name: string,
  how: string,
  cause?: unknown,
): StreamError<'token.invalid'> {
  const message =
    `The checkpoint "${name}" in the table "${tableName}" is damaged: ${how}. It was left unchanged: ` +
    'restore its items from a backup, or delete them to start without a checkpoint'
  return new StreamError('token.invalid', message, { field: '', expected: 'a saved token' }, cause)
}

/** Sorts before all chunks. */
export const FIRST_CHUNK = 'chunk#'

/**
 * Which save of which lease. Keys of later ones sort after those of earlier ones, and no two saves share a key: not even
 * where a head was deleted by hand, and epochs are counted from 1 again.
 */
export interface Generation {
  readonly epoch: number
  readonly version: number
}

/** Sorts after the chunks of all earlier generations. */
export function generationKey({ epoch, version }: Generation): string {
  return `${FIRST_CHUNK}${String(epoch).padStart(12, '0')}.${String(version).padStart(12, '0')}`
}

export function chunkKey(name: string, prefix: string, index: number): ReturnType<typeof keyOf> {
  return keyOf(name, `${prefix}.${String(index).padStart(5, '0')}`)
}
