import { shardCreatedAt } from '../position/shard-id.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import { RETENTION_MS } from '../shards/retention.ts'

/** How far reading is behind the stream. All times are in ms. */
export interface StreamLag {
  /** Age of the oldest record that may not have been given out yet; 0 when everything was. The largest of all shards. */
  readonly millisBehindLatest: number
  /** How long it takes until the oldest record that was not given out is trimmed: 24 hours less the lag; at least 0. */
  readonly retentionHeadroomMs: number
  /** The shards that are being read. */
  readonly shards: readonly { readonly shardId: string; readonly millisBehindLatest: number }[]
}

/**
 * Works the lag out from what the readers know; `now` is the service's time, in ms.
 *
 * @internal
 */
export function lagOf(readers: Iterable<ShardReader>, now: number): StreamLag {
  const shards: StreamLag['shards'][number][] = []
  let millisBehindLatest = 0
  for (const reader of readers) {
    if (reader.held) continue
    const behind = Math.max(0, now - readUpTo(reader, now))
    shards.push({ shardId: reader.node.shardId, millisBehindLatest: behind })
    millisBehindLatest = Math.max(millisBehindLatest, behind)
  }
  return { millisBehindLatest, retentionHeadroomMs: Math.max(0, RETENTION_MS - millisBehindLatest), shards }
}

/** The time up to which everything of the shard was given out. */
function readUpTo({ queue, atTip, since, node }: ShardReader, now: number): number {
  if (queue.length > 0) return queue.headTime
  if (atTip || node.state === 'fetched') return now
  if (Number.isFinite(node.reachedTime)) return node.reachedTime
  const beginning = Math.max(since ?? 0, shardCreatedAt(node.shardId) ?? 0)
  return beginning > 0 ? beginning : now
}
