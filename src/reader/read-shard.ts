import type { Clock } from '../core/clock.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { callWithTimeout } from '../streams-api/retry.ts'
import type { IteratorStart, RecordPage, StreamsApi } from '../streams-api/streams-api.ts'
import { ITERATOR_LIFE_MS, type ShardReader } from './shard-reader.ts'

export interface ReadContext {
  readonly api: StreamsApi
  readonly streamArn: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

export type ReadOutcome =
  | { readonly kind: 'page'; readonly page: RecordPage }
  | {
      readonly kind: 'failed'
      readonly operation: 'GetShardIterator' | 'GetRecords'
      /** How the iterator was to be opened, if that is what failed. */
      readonly start: IteratorStart | undefined
      readonly error: unknown
    }

/** Makes one read of a shard: opens an iterator if there is none, and fetches a page. Never rejects. */
export async function readShard(
  reader: ShardReader,
  limit: number,
  context: ReadContext,
): Promise<ReadOutcome> {
  const start = reader.iterator === undefined ? reader.iteratorStart(context.clock.now()) : undefined
  try {
    if (start) await openIterator(reader, start, context)
  } catch (error) {
    return { kind: 'failed', operation: 'GetShardIterator', start, error }
  }
  try {
    const iterator = reader.iterator as string
    const page = await callWithTimeout(
      (signal) => context.api.readRecords({ iterator, limit }, signal),
      context,
    )
    return { kind: 'page', page }
  } catch (error) {
    return { kind: 'failed', operation: 'GetRecords', start: undefined, error }
  }
}

/**
 * Whether a shard cannot be read at any position because all of it is trimmed: so it is with DynamoDB Local, which gives
 * iterators for all positions and then refuses them. Elsewhere it is the position that was trimmed.
 */
export async function refusesOldest(reader: ShardReader, context: ReadContext): Promise<boolean> {
  const { api, streamArn } = context
  const { shardId } = reader.node
  let iterator: string | undefined
  try {
    iterator = await callWithTimeout(
      (signal) => api.openIterator({ streamArn, shardId, start: { type: 'TRIM_HORIZON' } }, signal),
      context,
    )
    const oldest = { iterator, limit: 1 }
    await callWithTimeout((signal) => api.readRecords(oldest, signal), context)
    return false
  } catch (error) {
    if (classifyError(error) !== 'trimmed') throw error
    return iterator !== undefined
  }
}

/** Gives the reader an iterator that starts at `start`. */
export async function openIterator(
  reader: ShardReader,
  start: IteratorStart,
  context: ReadContext,
): Promise<void> {
  const { api, streamArn, clock } = context
  const askedAt = clock.now()
  reader.iterator = await callWithTimeout(
    (signal) => api.openIterator({ streamArn, shardId: reader.node.shardId, start }, signal),
    context,
  )
  reader.iteratorExpiresAt = askedAt + ITERATOR_LIFE_MS
}
