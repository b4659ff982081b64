import type { Behavior } from '../behavior/behavior.ts'
import { ServiceFault } from './errors.ts'

/** The service's limits of use. Each method counts a call, or refuses it. */
export interface Limits {
  describe(now: number, behavior: Behavior): void
  /** @param reader the chain of iterators that the call belongs to */
  read(shardId: string, reader: number, now: number, behavior: Behavior): void
}

interface Use {
  readonly at: number
  readonly reader: number
}

const windowMs = 1000

export function createLimits(): Limits {
  const uses = new Map<string, Use[]>()

  /** Those of the last second. A clock that was set back leaves none in the future. */
  const recent = (key: string, now: number): Use[] => {
    const left = (uses.get(key) ?? []).filter(({ at }) => at > now - windowMs && at <= now)
    uses.set(key, left)
    return left
  }

  return {
    describe: (now, { describesPerSecond }) => {
      if (describesPerSecond === Number.POSITIVE_INFINITY) return
      const calls = recent('', now)
      if (calls.length >= describesPerSecond) throw new ServiceFault('ThrottlingException', 'Rate exceeded')
      calls.push({ at: now, reader: 0 })
    },
    read: (shardId, reader, now, { readsPerSecond, readersPerShard }) => {
      if (readsPerSecond === Number.POSITIVE_INFINITY && readersPerShard === Number.POSITIVE_INFINITY) return
      const calls = recent(shardId, now)
      if (calls.length >= readsPerSecond) throw new ServiceFault('ThrottlingException', 'Rate exceeded')
      const others = new Set(calls.map((call) => call.reader).filter((other) => other !== reader))
      if (others.size >= readersPerShard) {
        throw new ServiceFault(
          'LimitExceededException',
          `More than ${readersPerShard} processes read the shard`,
        )
      }
      calls.push({ at: now, reader })
    },
  }
}
