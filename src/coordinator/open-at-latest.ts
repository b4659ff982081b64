import { openIterator, type ReadContext } from '../reader/read-shard.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { type CallRetry, callWithRetries } from '../streams-api/retry.ts'

export interface OpenAtLatestOptions {
  readonly context: ReadContext
  readonly random: () => number
  /** The maximum number of concurrent calls. */
  readonly concurrency: number
  readonly onRetry: (shardId: string, retry: CallRetry) => void
}

/**
 * Opens iterators with LATEST, so that every record written from now on is read. If that fails for a shard,
 * because all of its records are trimmed or it no longer exists, it is read from the requested time instead.
 */
export async function openIteratorsAtLatest(
  readers: Iterable<ShardReader>,
  { context, random, concurrency, onRetry }: OpenAtLatestOptions,
): Promise<void> {
  const remaining = [...readers]
  const openRemaining = async () => {
    for (let reader = remaining.pop(); reader; reader = remaining.pop()) await open(reader)
  }
  const open = async (reader: ShardReader) => {
    const { clock, serviceClock, signal } = context
    try {
      await callWithRetries(
        () => openIterator(reader, { type: 'LATEST' }, context),
        { clock, random, signal },
        (retry) => onRetry(reader.node.shardId, retry),
      )
      reader.openedAtLatest(serviceClock.now())
    } catch (error) {
      if (!['trimmed', 'notFound'].includes(classifyError(error))) throw error
    }
  }
  await Promise.all(Array.from({ length: Math.min(remaining.length, concurrency) }, openRemaining))
}
