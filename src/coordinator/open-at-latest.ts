import type { Emitter } from '../core/emitter.ts'
import { openIterator, type ReadContext } from '../reader/read-shard.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { callUntilAnswered } from '../streams-api/retry.ts'
import type { CoordinatorEvents } from './events.ts'

/**
 * Opens shards with LATEST, `sideBySide` at a time, so that all that is written from now on is seen. A shard that cannot
 * be opened so, because all of it is trimmed or it is gone, is left to be read by time.
 */
export async function openAtLatest(
  readers: Iterable<ShardReader>,
  sideBySide: number,
  around: {
    readonly calls: ReadContext
    readonly random: () => number
    readonly events: Emitter<CoordinatorEvents>
  },
): Promise<void> {
  const rest = [...readers]
  const openRest = async () => {
    for (let reader = rest.pop(); reader; reader = rest.pop()) await openOne(reader)
  }
  const openOne = async (reader: ShardReader) => {
    const { calls, random, events } = around
    const { shardId } = reader.node
    try {
      await callUntilAnswered(
        () => openIterator(reader, { type: 'LATEST' }, calls),
        { clock: calls.clock, random, signal: calls.signal },
        (retry) => events.emit('retry', { operation: 'GetShardIterator', shardId, ...retry }),
      )
      reader.atTip = true
    } catch (error) {
      if (!['trimmed', 'notFound'].includes(classifyError(error))) throw error
    }
  }
  await Promise.all(Array.from({ length: Math.min(rest.length, sideBySide) }, openRest))
}
