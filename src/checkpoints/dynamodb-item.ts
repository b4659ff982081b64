import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Item } from './dynamodb-table.ts'

/** The part of a checkpoint that says who holds it, and holds the token or says where its chunks are. */
export const HEAD = 'head'

/** Up to this size a token stands in the head itself: one write a save, of at most 64 write units. */
export const MAX_INLINE_BYTES = 60_000

/** Far more than the largest token that is understood; keeps a forged item from filling the memory. */
const MAX_TEXT_BYTES = 512 * 1024 * 1024

const compress = promisify(gzip)
const expand = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip)

/** A token in the form in which it is stored. Gzip, for its checksum too. */
export async function packToken(token: unknown): Promise<Uint8Array> {
  return compress(JSON.stringify(token))
}

export async function unpackToken(packed: Uint8Array): Promise<unknown> {
  const text = await expand(packed, { maxOutputLength: MAX_TEXT_BYTES })
  return JSON.parse(text.toString('utf8'))
}

/** What a head holds; no content as long as nothing was saved. */
export interface Head {
  readonly session: string | undefined
  readonly owner: string | undefined
  readonly turn: number
  readonly version: number
  readonly content: Content | undefined
}

export type Content = { readonly data: Uint8Array } | Chunked

/** A token that is cut into parts of its own: the start of their keys, and how many there are. */
export interface Chunked {
  readonly chunkPrefix: string
  readonly chunkCount: number
}

export function readHead(item: Item | undefined): Head {
  return {
    session: item?.session?.S,
    owner: item?.owner?.S,
    turn: Number(item?.turn?.N ?? 0),
    version: Number(item?.version?.N ?? 0),
    content: readContent(item ?? {}),
  }
}

function readContent({ data, chunkPrefix, chunkCount }: Item): Content | undefined {
  if (data?.B) return { data: data.B }
  if (chunkPrefix?.S) return { chunkPrefix: chunkPrefix.S, chunkCount: Number(chunkCount?.N) }
  return undefined
}

export function contentAttributes(content: Content): Item {
  if ('data' in content) return { data: { B: content.data } }
  return { chunkPrefix: { S: content.chunkPrefix }, chunkCount: { N: String(content.chunkCount) } }
}
