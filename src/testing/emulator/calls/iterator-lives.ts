import type { IteratorLives } from './context.ts'

export interface IteratorControl extends IteratorLives {
  /** All iterators given out so far, or those of one shard, have expired. */
  expire(shardId: string | undefined): void
}

export function createIteratorLives(): IteratorControl {
  let serial = 0
  let reader = 0
  let allBelow = 0
  const below = new Map<string, number>()
  return {
    nextSerial: () => serial++,
    nextReader: () => reader++,
    expiredBelow: (shardId) => Math.max(allBelow, below.get(shardId) ?? 0),
    expire: (shardId) => {
      if (shardId === undefined) allBelow = serial
      else below.set(shardId, serial)
    },
  }
}
