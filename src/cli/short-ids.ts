import { shardCreatedAt } from '../position/shard-id.ts'

const SHORT = 8

/** The end of a shard's id, which tells it from the others: the beginning is the time. */
export function shortShardId(shardId: string): string {
  return shardId.slice(shardId.lastIndexOf('-') + 1).slice(0, SHORT)
}

/** Short names for these shards: the whole id for those whose short ones are not unique. */
export function shortShardIds(shardIds: Iterable<string>): ReadonlyMap<string, string> {
  const ids = [...new Set(shardIds)]
  const uses = new Map<string, number>()
  for (const id of ids) uses.set(shortShardId(id), (uses.get(shortShardId(id)) ?? 0) + 1)
  return new Map(ids.map((id) => [id, uses.get(shortShardId(id)) === 1 ? shortShardId(id) : id]))
}

/** When a shard was made, as far as its id tells. */
export function shardTime(shardId: string): string | undefined {
  const createdAt = shardCreatedAt(shardId)
  return createdAt === undefined
    ? undefined
    : new Date(createdAt).toISOString().slice(0, 19).replace('T', ' ')
}
