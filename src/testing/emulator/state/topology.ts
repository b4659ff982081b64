import type { Behavior } from '../behavior/behavior.ts'
import { hex, type Random } from './random.ts'
import type { SequenceNumbers } from './sequence-numbers.ts'
import type { Shard } from './shard.ts'

/** The shards of one stream, and which of them is open for which keys. */
export interface Topology {
  /** All shards there ever were, in the order of their making. */
  readonly shards: readonly Shard[]
  /** The same in the lexical order of their ids, as the service lists them. */
  readonly sorted: readonly Shard[]
  find(shardId: string): Shard | undefined
  /** The open shards, in the order of their hash ranges. */
  readonly open: readonly Shard[]
  /** The open shard for items with this hash; undefined when nothing is open for them. */
  shardFor(hash: number): Shard | undefined
  addRoot(from: number, to: number, now: number): Shard
  /** Closes `shard` and opens `into` children that share its hash range. */
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
      startingSequenceNumber: numbers.text(first),
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

  const shut = (shard: Shard, now: number): bigint => {
    const end = numbers.tight ? shard.last : numbers.after(shard.last)
    shard.last = end
    shard.open = false
    shard.closedAt = now
    shard.endingSequenceNumber = numbers.text(end)
    return end
  }

  return {
    shards,
    sorted,
    open,
    find: (shardId) => byId.get(shardId),
    shardFor: (hash) => lastStartingAtOrBelow(open, hash),
    addRoot: (from, to, now) => {
      const shard = add(from, to, now, numbers.root())
      open.push(shard)
      return shard
    },
    divide: (shard, into, now) => {
      const end = shut(shard, now)
      const bound = (part: number) =>
        part === into ? shard.to : shard.from + ((shard.to - shard.from) * part) / into
      const children = Array.from({ length: into }, (_, part) =>
        add(bound(part), bound(part + 1), now, numbers.after(end), shard.shardId),
      )
      shard.childIds = children.map((child) => child.shardId)
      const [, ...later] = open.splice(open.indexOf(shard))
      for (const other of children.concat(later)) open.push(other)
      return children
    },
    close: (shard, now) => {
      shut(shard, now)
      open.splice(open.indexOf(shard), 1)
    },
  }
}

/** How AWS writes the ids of its shards: the time of creation in ms, and something random. */
function newShardId(random: Random, now: number, taken: ReadonlyMap<string, Shard>): string {
  for (;;) {
    const shardId = `shardId-${String(Math.max(0, Math.trunc(now))).padStart(20, '0')}-${hex(random, 8)}`
    if (!taken.has(shardId)) return shardId
  }
}

/** Shards that are too narrow to divide have empty ranges; the last one that starts at or below is never empty. */
function lastStartingAtOrBelow(open: readonly Shard[], hash: number): Shard | undefined {
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

/** Whether DescribeStream lists `shard`: the service drops a shard when its retention is over, Local never does. */
export function isListed(shard: Shard, behavior: Pick<Behavior, 'expiredShards'>): boolean {
  return !shard.removed || behavior.expiredShards === 'listed'
}
