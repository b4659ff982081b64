import type { IteratorRegistry } from './context.ts'

export interface IteratorControl extends IteratorRegistry {
  /** Expires all iterators issued so far, or only those of one shard. */
  expire(shardId: string | undefined): void
}

export function createIteratorRegistry(): IteratorControl {
  let serial = 0
  let reader = 0
  let expiredBelowAll = 0
  const expiredBelowByShard = new Map<string, number>()
  return {
    nextSerial: () => serial++,
    nextReader: () => reader++,
    expiredBelow: (shardId) => Math.max(expiredBelowAll, expiredBelowByShard.get(shardId) ?? 0),
    expire: (shardId) => {
      if (shardId === undefined) expiredBelowAll = serial
      else expiredBelowByShard.set(shardId, serial)
    },
  }
}
