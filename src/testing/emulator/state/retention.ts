import { parseSequenceNumber } from './sequence-numbers.ts'
import type { Shard } from './shard.ts'
import type { Topology } from './topology.ts'

/** Forgets the records of one stream, by age or on command. */
export interface Retention {
  /** Tells that at this time something happened that will be forgotten: a write, or the end of a shard. */
  trackOldest(at: number): void
  /** Trims every record written before `time`, and removes the shards that were closed before it. */
  trimBefore(time: number): number
  /** Trims the records of `shard` up to and with `through`; without it all of them, and a closed shard is removed. */
  trimShard(shard: Shard, through?: string): number
}

export function createRetention(topology: Topology): Retention {
  /** Nothing that could be trimmed is older. Spares a walk over all shards at each call. */
  let oldest = Number.POSITIVE_INFINITY

  const cut = (shard: Shard, count: number): number => {
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
        let left = shard.trimmed
        while (left < shard.records.length && (shard.records[left]?.writtenAt ?? time) < time) left++
        trimmed += cut(shard, left)
        const first = shard.records[shard.trimmed]
        if (first) oldest = Math.min(oldest, first.writtenAt)
        else if (shard.closedAt !== undefined && shard.closedAt < time) shard.removed = true
        else if (shard.closedAt !== undefined) oldest = Math.min(oldest, shard.closedAt)
      }
      return trimmed
    },

    trimShard: (shard, through) => {
      if (through === undefined) {
        const trimmed = cut(shard, shard.records.length)
        if (!shard.open) shard.removed = true
        return trimmed
      }
      const limit = parseSequenceNumber(through)
      if (limit === undefined) throw new TypeError(`not a sequence number: ${through}`)
      const left = shard.records.findIndex((record) => record.sequence > limit)
      return cut(shard, left === -1 ? shard.records.length : left)
    },
  }
}
