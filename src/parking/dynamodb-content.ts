import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import type { Item } from '../checkpoints/dynamodb-table.ts'
import { StreamError } from '../core/errors.ts'
import {
  apiKey,
  DIGEST_LENGTH,
  damaged,
  deleteItem,
  type ParkingTable,
  pieceKey,
  putItem,
  RECORDS,
  recordKey,
  updateItem,
  type Write,
} from './dynamodb-items.ts'
import type { ParkedRecord } from './parking-store.ts'

/*
 * The items of a parked record. The item with the part `record#<position>`:
 *
 * | attribute | type | meaning                                                                              |
 * | --------- | ---- | ------------------------------------------------------------------------------------ |
 * | previous  | S    | the position of the record before it; missing from the first one ever parked         |
 * | digest    | S    | the start of the SHA-256 of the stored bytes                                         |
 * | content   | S    | the content as it is; or                                                             |
 * | data      | B    | the content, compressed with gzip; or                                                |
 * | pieces    | N    | the number of items that contain the compressed content in their attribute `data`    |
 *
 * The keys of pieces contain the digest, so the pieces of different contents are never mixed.
 */

/**
 * Contents up to this size are stored as they are, which is readable. Above it, gzip saves at least one write
 * unit (1 kB) for almost every record.
 */
const MAX_READABLE_BYTES = 2_000

/** Compressed contents up to this size are stored in the record's item. */
const MAX_INLINE_BYTES = 30_000

/** DynamoDB limits an item to 400 KB, including attribute names and keys. */
export const PIECE_BYTES = 350_000

/** An upper limit for the size of a record's item. */
const MAX_RECORD_BYTES: number = MAX_INLINE_BYTES + 1_000

/** An upper limit for the size of a piece. */
const MAX_PIECE_BYTES: number = PIECE_BYTES + 1_000

/** Contents have up to about 2 MB. The limit is for damaged data that would expand to gigabytes. */
const MAX_CONTENT_BYTES: number = 16 * 1024 * 1024

/** Data that cannot be compressed becomes slightly larger. */
const MAX_PIECES: number = Math.ceil(MAX_CONTENT_BYTES / PIECE_BYTES) + 1

const compress = promisify(gzip)
const expand = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip)

/** A content in the form in which it is stored. */
export interface PackedContent {
  readonly digest: string
  /** The attributes of the record's item. */
  readonly attributes: Item
  /** The pieces of a large content. */
  readonly pieces: readonly Uint8Array[]
}

/** @throws StreamError `parking.failed` if the content is too large. */
export async function packContent(
  { run }: ParkingTable,
  keyHash: string,
  content: string,
): Promise<PackedContent> {
  const bytes = Buffer.byteLength(content)
  if (bytes <= MAX_READABLE_BYTES) {
    return { digest: digestOf(content), attributes: { content: { S: content } }, pieces: [] }
  }
  if (bytes > MAX_CONTENT_BYTES) {
    const message = `A record of ${bytes} bytes cannot be parked: the limit is ${MAX_CONTENT_BYTES}.`
    throw new StreamError('parking.failed', message, { name: run, keyHash, operation: 'park' })
  }
  const data = await compress(content)
  const digest = digestOf(data)
  if (data.length <= MAX_INLINE_BYTES) return { digest, attributes: { data: { B: data } }, pieces: [] }
  const pieces: Uint8Array[] = []
  for (let from = 0; from < data.length; from += PIECE_BYTES) {
    pieces.push(data.subarray(from, from + PIECE_BYTES))
  }
  return { digest, attributes: { pieces: { N: String(pieces.length) } }, pieces }
}

/** Returns the start of the SHA-256 of data. */
export function digestOf(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url').slice(0, DIGEST_LENGTH)
}

/** Returns the writes that add a record behind the one at `previous`, its pieces first. */
export function addRecord(
  table: ParkingTable,
  keyHash: string,
  { position }: ParkedRecord,
  packed: PackedContent,
  previous: string | undefined,
): Write[] {
  const { digest, attributes } = packed
  const link = previous !== undefined && { previous: { S: previous } }
  const record = putItem(table, recordKey(keyHash, position), {
    digest: { S: digest },
    ...attributes,
    ...link,
  })
  return [
    ...putPieces(table, keyHash, position, packed),
    { ...record, fingerprint: `${digest} after ${previous ?? 'none'}` },
  ]
}

/** Returns the writes that replace the content of a record that is stored already. */
export function replaceRecord(
  table: ParkingTable,
  keyHash: string,
  { position }: ParkedRecord,
  packed: PackedContent,
): Write[] {
  const { digest } = packed
  const { content, data, pieces } = packed.attributes
  const changes = { digest: { S: digest }, content, data, pieces }
  const record = updateItem(table, recordKey(keyHash, position), changes)
  return [...putPieces(table, keyHash, position, packed), { ...record, fingerprint: digest }]
}

function putPieces(
  table: ParkingTable,
  keyHash: string,
  position: string,
  { digest, pieces }: PackedContent,
): Write[] {
  return pieces.map((data, index) => ({
    ...putItem(table, pieceKey(keyHash, position, digest, index), { data: { B: data } }),
    fingerprint: digest,
  }))
}

/** The item of a record, parsed. */
export interface StoredRecord {
  readonly position: string
  readonly previous: string | undefined
  readonly digest: string
  readonly content: { readonly text: string } | { readonly data: Uint8Array } | { readonly pieces: number }
}

/** @throws StreamError `parking.failed` if the item is damaged. */
export function readRecordItem(
  table: ParkingTable,
  keyHash: string,
  position: string,
  { previous, digest, content, data, pieces }: Item,
): StoredRecord {
  const damagedAt = (attribute: string) =>
    damaged(table, 'read', `the attribute "${attribute}" of the record at ${position} is invalid`, {
      keyHash,
    })
  if (previous !== undefined && !(previous.S !== undefined && previous.S < position))
    throw damagedAt('previous')
  if (digest?.S?.length !== DIGEST_LENGTH) throw damagedAt('digest')
  const record = { position, previous: previous?.S, digest: digest.S }
  if ([content, data, pieces].filter((attribute) => attribute !== undefined).length !== 1) {
    throw damaged(table, 'read', `the record at ${position} has no content`, { keyHash })
  }
  if (content !== undefined) {
    if (content.S === undefined) throw damagedAt('content')
    return { ...record, content: { text: content.S } }
  }
  if (data !== undefined) {
    if (!(data.B instanceof Uint8Array)) throw damagedAt('data')
    return { ...record, content: { data: data.B } }
  }
  const count = Number(pieces?.N)
  if (!Number.isInteger(count) || count < 1 || count > MAX_PIECES) throw damagedAt('pieces')
  return { ...record, content: { pieces: count } }
}

/**
 * Returns the content of a record, or `undefined` if a piece of it is missing.
 *
 * @throws StreamError `parking.failed` if it is damaged.
 */
export async function unpackContent(
  table: ParkingTable,
  keyHash: string,
  record: StoredRecord,
): Promise<string | undefined> {
  const { position, digest, content } = record
  const check = (data: string | Uint8Array) => {
    if (digestOf(data) !== digest)
      throw damaged(table, 'read', `the record at ${position} was changed`, { keyHash })
  }
  if ('text' in content) {
    check(content.text)
    return content.text
  }
  const data = 'data' in content ? content.data : await readPieces(table, keyHash, record, content.pieces)
  if (data === undefined) return undefined
  check(data)
  try {
    return (await expand(data, { maxOutputLength: MAX_CONTENT_BYTES })).toString('utf8')
  } catch (cause) {
    throw damaged(table, 'read', `the record at ${position} cannot be decompressed`, { keyHash, cause })
  }
}

async function readPieces(
  table: ParkingTable,
  keyHash: string,
  { position, digest }: StoredRecord,
  count: number,
): Promise<Uint8Array | undefined> {
  const read = async (_: unknown, index: number) => {
    const Key = apiKey(table, pieceKey(keyHash, position, digest, index))
    const input = { TableName: table.tableName, Key, ConsistentRead: true }
    const { Item } = await table.client.send(new GetItemCommand(input))
    return Item?.data?.B
  }
  const pieces = await Promise.all(Array.from({ length: count }, read))
  const found = pieces.filter((piece) => piece !== undefined)
  return found.length === count ? Buffer.concat(found) : undefined
}

/** Returns the writes that delete a record, its pieces first. */
export function deleteRecord(
  table: ParkingTable,
  keyHash: string,
  { position, digest, content }: StoredRecord,
): Write[] {
  const pieces = 'pieces' in content ? content.pieces : 0
  return [
    ...Array.from({ length: pieces }, (_, index) =>
      deleteItem(table, pieceKey(keyHash, position, digest, index), MAX_PIECE_BYTES),
    ),
    deleteItem(table, recordKey(keyHash, position), MAX_RECORD_BYTES),
  ]
}

/** Returns the write that deletes an item of a record's partition, of which only the key is known. */
export function deletePart(table: ParkingTable, keyHash: string, part: string): Write {
  const bytes = part.startsWith(RECORDS) ? MAX_RECORD_BYTES : MAX_PIECE_BYTES
  return deleteItem(table, { keyHash, part }, bytes)
}
