import type { Shard } from './shard.ts'
import { hashOf, type KeySchema } from './table.ts'

/** Finds the n-th string, counted from 0, that hashes into the shard's range as a partition key. */
export function keyForShard({ shardId, from, to }: Shard, keySchema: KeySchema, n: number): string {
  let remaining = n
  for (let attempt = 0; attempt < 1_000_000; attempt++) {
    const key = `key-${attempt}`
    const hash = hashOf({ [keySchema.hash]: { S: key } }, keySchema)
    if (hash >= from && hash < to && remaining-- === 0) return key
  }
  throw new RangeError(
    `The hash range of ${shardId} is too narrow to find a key for it. Use a shard that was split fewer times.`,
  )
}
