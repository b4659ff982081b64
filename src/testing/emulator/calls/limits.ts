import type { Behavior } from '../behavior/behavior.ts'
import { ServiceFault } from './errors.ts'

/** The rate limits of the service. Each method counts a call, or throws if the call exceeds a limit. */
export interface Limits {
  describe(now: number, behavior: Behavior): void
  /** @param reader - the chain of iterators that the call belongs to. */
  read(shardId: string, reader: number, now: number, behavior: Behavior): void
}

interface CountedCall {
  readonly at: number
  readonly reader: number
}

const WINDOW_MS = 1000

export function createLimits(): Limits {
  const counted = new Map<string, CountedCall[]>()

  /** Returns the calls of the last second. Calls in the future, after the clock was set back, are dropped. */
  const recent = (key: string, now: number): CountedCall[] => {
    const calls = (counted.get(key) ?? []).filter(({ at }) => at > now - WINDOW_MS && at <= now)
    counted.set(key, calls)
    return calls
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
