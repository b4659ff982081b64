import type { Shard } from './shard.ts'
import type { Topology } from './topology.ts'

/** Trims the records of one stream, by age or on command, and expires its closed shards. */
export interface Retention {
  /** Notes the time of a write, which will be trimmed later, or of the end of a shard, which will expire. */
  trackOldest(at: number): void
  /**
   * Trims all records written before `time`, and expires the shards closed before it. Returns the number of
   * records.
   */
  trimBefore(time: number): number
  /**
   * Trims the records of `shard` up to and including `through`. Without it, all records are trimmed, and a
   * closed shard expires. Returns the number of records.
   */
  trimShard(shard: Shard, through?: string): number
}

export function createRetention(topology: Topology): Retention {
  /**
   * A lower bound for the times of everything that is still to be trimmed or to expire. It avoids a scan of
   * all shards on each call.
   */
  let oldest = Number.POSITIVE_INFINITY

  const trimFirst = (shard: Shard, count: number): number => {
    for (let index = shard.trimmed; index < count; index++) {
      const record = shard.records[index]
      if (record) record.trimmed = true
    }
    const trimmed = Math.max(0, count - shard.trimmed)
    shard.trimmed = Math.max(shard.trimmed, count)
    return trimmed
  }

  return {
    trackOldest: (at) => {
      if (at < oldest) oldest = at
    },

    trimBefore: (time) => {
      if (oldest >= time) return 0
      oldest = Number.POSITIVE_INFINITY
      let trimmed = 0
      for (const shard of topology.shards) {
        if (shard.removed) continue
        let kept = shard.trimmed
        while (kept < shard.records.length && (shard.records[kept]?.writtenAt ?? time) < time) kept++
        trimmed += trimFirst(shard, kept)
        const first = shard.records[shard.trimmed]
        if (first) oldest = Math.min(oldest, first.writtenAt)
        else if (shard.closedAt !== undefined && shard.closedAt < time) shard.removed = true
        else if (shard.closedAt !== undefined) oldest = Math.min(oldest, shard.closedAt)
      }
      return trimmed
    },

    trimShard: (shard, through) => {
      if (through === undefined) {
        const trimmed = trimFirst(shard, shard.records.length)
        if (!shard.open) shard.removed = true
        return trimmed
      }
      const limit = BigInt(through)
      const kept = shard.records.findIndex((record) => record.sequence > limit)
      return trimFirst(shard, kept === -1 ? shard.records.length : kept)
    },
  }
}
