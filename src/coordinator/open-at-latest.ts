import { openIterator, type ReadContext } from '../reader/read-shard.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { type CallRetry, callWithRetries } from '../streams-api/retry.ts'

export interface OpenAtLatestOptions {
  readonly context: ReadContext
  readonly random: () => number
  /** How many iterators are opened at once. */
  readonly concurrency: number
  readonly onRetry: (shardId: string, retry: CallRetry) => void
}

/**
 * Opens iterators with LATEST, so that everything that is written from now on is seen. A shard that cannot be opened so,
 * because all of it is trimmed or it is gone, is left to be read by time.
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
