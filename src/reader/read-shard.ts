import type { Clock } from '../core/clock.ts'
import type { ServiceClock } from '../core/service-clock.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { callWithTimeout } from '../streams-api/retry.ts'
import type { IteratorStart, RecordPage, StreamsApi } from '../streams-api/streams-api.ts'
import { ITERATOR_LIFE_MS } from './read-state.ts'
import type { ShardReader } from './shard-reader.ts'
import type { FailedCall } from './step.ts'

export interface ReadContext {
  readonly api: StreamsApi
  readonly streamArn: string
  readonly clock: Clock
  readonly serviceClock: ServiceClock
  readonly signal: AbortSignal
}

export type ReadOutcome =
  | { readonly kind: 'page'; readonly page: RecordPage }
  | { readonly kind: 'failed'; readonly failed: FailedCall }

/** Reads a shard once: opens an iterator if the reader has none, and fetches a page. Never rejects. */
export async function readShard(
  reader: ShardReader,
  limit: number,
  context: ReadContext,
): Promise<ReadOutcome> {
  const start =
    reader.iterator === undefined ? reader.iteratorStart(context.serviceClock.atMost()) : undefined
  try {
    if (start) await openIterator(reader, start, context)
  } catch (error) {
    return { kind: 'failed', failed: { operation: 'GetShardIterator', start, error } }
  }
  try {
    const iterator = reader.iterator as string
    const page = await callWithTimeout(
      (signal) => context.api.readRecords({ iterator, limit }, signal),
      context,
    )
    return { kind: 'page', page }
  } catch (error) {
    return { kind: 'failed', failed: { operation: 'GetRecords', error } }
  }
}

/**
 * Whether a shard can be read from its oldest record. On DynamoDB Local it cannot while all of its records
 * are trimmed: GetShardIterator succeeds for every position, and GetRecords then refuses the iterator. If the
 * oldest record can be read, the position that was refused has been trimmed.
 */
export async function isTrimHorizonReadable(reader: ShardReader, context: ReadContext): Promise<boolean> {
  const { api, streamArn } = context
  const { shardId } = reader.node
  let iterator: string | undefined
  try {
    iterator = await callWithTimeout(
      (signal) => api.openIterator({ streamArn, shardId, start: { type: 'TRIM_HORIZON' } }, signal),
      context,
    )
    const request = { iterator, limit: 1 }
    await callWithTimeout((signal) => api.readRecords(request, signal), context)
    return true
  } catch (error) {
    if (classifyError(error) !== 'trimmed') throw error
    // If GetShardIterator itself refused the position, this is not that behavior of DynamoDB Local.
    return iterator === undefined
  }
}

/** Opens an iterator at `start` for the reader. Its 15 minutes are counted from before the call. */
export async function openIterator(
  reader: ShardReader,
  start: IteratorStart,
  context: ReadContext,
): Promise<void> {
  const { api, streamArn, clock } = context
  const calledAt = clock.monotonic()
  const iterator = await callWithTimeout(
    (signal) => api.openIterator({ streamArn, shardId: reader.node.shardId, start }, signal),
    context,
  )
  reader.iteratorOpened(iterator, calledAt + ITERATOR_LIFE_MS)
}
