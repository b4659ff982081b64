import type { Behavior } from '../behavior/behavior.ts'
import { hex, type Random } from './random.ts'
import type { SequenceNumbers } from './sequence-numbers.ts'
import type { Shard } from './shard.ts'

/** The shards of one stream, and the hash ranges that they cover. */
export interface Topology {
  /** All shards that the stream has ever had, in order of creation. */
  readonly shards: readonly Shard[]
  /** The same shards ordered by id, as the service lists them. */
  readonly sorted: readonly Shard[]
  find(shardId: string): Shard | undefined
  /** The open shards, in order of their hash ranges. */
  readonly open: readonly Shard[]
  /** Returns the open shard for items with this hash, if there is one. */
  shardFor(hash: number): Shard | undefined
  addRoot(from: number, to: number, now: number): Shard
  /** Closes `shard` and opens `into` children that divide its hash range among themselves. */
  divide(shard: Shard, into: number, now: number): Shard[]
  /** Closes `shard` without children. */
  close(shard: Shard, now: number): void
}

export function createTopology(options: {
  readonly streamArn: string
  readonly random: Random
  readonly numbers: SequenceNumbers
}): Topology {
  const { streamArn, random, numbers } = options
  const shards: Shard[] = []
  const sorted: Shard[] = []
  const byId = new Map<string, Shard>()
  const open: Shard[] = []

  const add = (from: number, to: number, now: number, first: bigint, parentId?: string): Shard => {
    const shard: Shard = {
      shardId: newShardId(random, now, byId),
      number: shards.length,
      streamArn,
      parentId,
      childIds: [],
      open: true,
      removed: false,
      createdAt: now,
      closedAt: undefined,
      startingSequenceNumber: numbers.format(first),
      endingSequenceNumber: undefined,
      from,
      to,
      records: [],
      trimmed: 0,
      last: first,
    }
    shards.push(shard)
    sorted.splice(sorted.findLastIndex((other) => other.shardId < shard.shardId) + 1, 0, shard)
    byId.set(shard.shardId, shard)
    return shard
  }

  const closeShard = (shard: Shard, now: number): bigint => {
    const end = numbers.tight ? shard.last : numbers.next(shard.last)
    shard.last = end
    shard.open = false
    shard.closedAt = now
    shard.endingSequenceNumber = numbers.format(end)
    return end
  }

  return {
    shards,
    sorted,
    open,
    find: (shardId) => byId.get(shardId),
    shardFor: (hash) => findByHash(open, hash),
    addRoot: (from, to, now) => {
      const shard = add(from, to, now, numbers.nextRoot())
      open.push(shard)
      return shard
    },
    divide: (shard, into, now) => {
      const end = closeShard(shard, now)
      const bound = (part: number) =>
        part === into ? shard.to : shard.from + ((shard.to - shard.from) * part) / into
      const children = Array.from({ length: into }, (_, part) =>
        add(bound(part), bound(part + 1), now, numbers.next(end), shard.shardId),
      )
      shard.childIds = children.map((child) => child.shardId)
      const [, ...following] = open.splice(open.indexOf(shard))
      for (const other of children.concat(following)) open.push(other)
      return children
    },
    close: (shard, now) => {
      closeShard(shard, now)
      open.splice(open.indexOf(shard), 1)
    },
  }
}

/** Returns a shard id in AWS's format: the time of creation in ms, and random hexadecimal digits. */
function newShardId(random: Random, now: number, existing: ReadonlyMap<string, Shard>): string {
  for (;;) {
    const shardId = `shardId-${String(Math.max(0, Math.trunc(now))).padStart(20, '0')}-${hex(random, 8)}`
    if (!existing.has(shardId)) return shardId
  }
}

/**
 * Returns the shard whose range contains the hash. A shard that is too narrow to divide has children with
 * empty ranges; the last of the shards that start at or below the hash is never one of them.
 */
function findByHash(open: readonly Shard[], hash: number): Shard | undefined {
  let low = 0
  let high = open.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((open[middle] as Shard).from <= hash) low = middle
    else high = middle - 1
  }
  const found = open[low]
  return found && hash >= found.from && hash < found.to ? found : undefined
}

/** Whether DescribeStream lists the shard. AWS omits expired shards, DynamoDB Local never does. */
export function isListed(shard: Shard, behavior: Pick<Behavior, 'expiredShards'>): boolean {
  return !shard.removed || behavior.expiredShards === 'listed'
}
