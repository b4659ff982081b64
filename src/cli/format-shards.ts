import { shardCreatedAt } from '../position/shard-id.ts'
import { formatTime } from './text.ts'

const SHORT_LENGTH = 8

/** Returns the part of a shard id that distinguishes it. The part before it is a time. */
export function shortShardId(shardId: string): string {
  return shardId.slice(shardId.lastIndexOf('-') + 1).slice(0, SHORT_LENGTH)
}

/** Maps shard ids to short names; where these are ambiguous, to the whole id. */
export function shortShardIds(shardIds: Iterable<string>): ReadonlyMap<string, string> {
  const ids = [...new Set(shardIds)]
  const uses = new Map<string, number>()
  for (const id of ids) uses.set(shortShardId(id), (uses.get(shortShardId(id)) ?? 0) + 1)
  return new Map(ids.map((id) => [id, uses.get(shortShardId(id)) === 1 ? shortShardId(id) : id]))
}

/** Returns when a shard was created, if its id contains the time. */
export function formatShardTime(shardId: string): string | undefined {
  const createdAt = shardCreatedAt(shardId)
  return createdAt === undefined ? undefined : formatTime(createdAt)
}

/** A shard in a drawing. */
export interface LabeledShard {
  readonly shardId: string
  readonly parentId: string | undefined
  readonly label: string
}

/**
 * Draws shards as trees. Shards with one child each are drawn as a chain on one line, which branches where a
 * shard was split:
 *
 * ```text
 * 3fa2c1b0 → 9c01ffe2
 * ├─ 11aa22bb → 77cc88ee
 * └─ 99dd00ff
 * ```
 */
export function drawShardTree(shards: readonly LabeledShard[]): string[] {
  const childrenById = new Map<string, LabeledShard[]>(shards.map(({ shardId }) => [shardId, []]))
  const roots: LabeledShard[] = []
  for (const shard of shards) {
    const siblings = shard.parentId === undefined ? roots : (childrenById.get(shard.parentId) ?? roots)
    siblings.push(shard)
  }
  const childrenOf = (shardId: string) => childrenById.get(shardId) ?? []
  return roots.flatMap((root) => drawChain(root, childrenOf))
}

function drawChain(first: LabeledShard, childrenOf: (shardId: string) => readonly LabeledShard[]): string[] {
  const labels = [first.label]
  let children = childrenOf(first.shardId)
  while (children.length === 1 && children[0]) {
    labels.push(children[0].label)
    children = childrenOf(children[0].shardId)
  }
  const branches = children.flatMap((child, index) => {
    const isLast = index === children.length - 1
    return drawChain(child, childrenOf).map((line, row) => {
      if (row === 0) return `${isLast ? '└─' : '├─'} ${line}`
      return `${isLast ? '  ' : '│ '} ${line}`
    })
  })
  return [labels.join(' → '), ...branches]
}
