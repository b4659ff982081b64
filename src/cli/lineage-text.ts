/** A shard, as far as drawing needs it. */
export interface DrawnShard {
  readonly shardId: string
  readonly parentId: string | undefined
  /** How it shows in the drawing. */
  readonly label: string
}

/**
 * Draws a forest of shards. Shards that go on 1 to 1 stand on one line; it branches where a shard was split:
 *
 * ```text
 * 3fa2c1b0 → 9c01ffe2
 * ├─ 11aa22bb → 77cc88ee
 * └─ 99dd00ff
 * ```
 */
export function drawLineage(shards: readonly DrawnShard[]): string[] {
  const childrenOf = new Map<string, DrawnShard[]>(shards.map(({ shardId }) => [shardId, []]))
  const roots: DrawnShard[] = []
  for (const shard of shards) {
    const siblings = shard.parentId === undefined ? roots : (childrenOf.get(shard.parentId) ?? roots)
    siblings.push(shard)
  }
  const heirsOf = (shardId: string) => childrenOf.get(shardId) ?? []
  return roots.flatMap((root) => drawChain(root, heirsOf))
}

function drawChain(first: DrawnShard, heirsOf: (shardId: string) => readonly DrawnShard[]): string[] {
  const labels = [first.label]
  let heirs = heirsOf(first.shardId)
  while (heirs.length === 1 && heirs[0]) {
    labels.push(heirs[0].label)
    heirs = heirsOf(heirs[0].shardId)
  }
  const branches = heirs.flatMap((heir, index) => {
    const isLast = index === heirs.length - 1
    return drawChain(heir, heirsOf).map((line, row) => {
      if (row === 0) return `${isLast ? '└─' : '├─'} ${line}`
      return `${isLast ? '  ' : '│ '} ${line}`
    })
  })
  return [labels.join(' → '), ...branches]
}
