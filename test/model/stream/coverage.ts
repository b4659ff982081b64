import type { StreamToken } from '../../../src/index.ts'
import { ancestorsOf } from '../origin.ts'
import type { World } from '../world.ts'

/** Identifies a record within a table's streams. */
export interface RecordId {
  readonly shardId: string
  readonly sequenceNumber: string
}

/**
 * Returns a function that says whether a token covers a record, by the token's documented meaning: a reader
 * that starts at the token skips it. Records that a `since` excludes are not considered.
 *
 * @param streamOf returns the ARN of the stream that a shard belongs to
 */
export function coverageOf(
  world: World,
  { streamArn, shards }: StreamToken,
  streamOf: (shardId: string) => string,
): (record: RecordId) => boolean {
  const positions = new Map(shards.map(({ shardId, at }) => [shardId, at]))
  const started = shards.filter(({ state }) => state !== 'pending')
  const finished = new Set(
    started.flatMap(({ shardId }) => ancestorsOf(world, shardId).map((shard) => shard.shardId)),
  )
  return ({ shardId, sequenceNumber }) => {
    // The label at the end of an ARN is a timestamp, so ARNs of a table's streams sort by time.
    const stream = streamOf(shardId)
    if (stream !== streamArn) return stream < streamArn
    const at = positions.get(shardId)
    if (at === undefined) return finished.has(shardId)
    if (at === 'start' || 'since' in at) return false
    return 'end' in at || BigInt(sequenceNumber) <= BigInt(at.after)
  }
}
