import type { ShardNode } from './shard.ts'
import type { ShardForest } from './shard-forest.ts'

export type ShardPlan =
  /** Nothing comes before it: read it now. */
  | 'open'
  /** What comes before it is being read: fetch it too, but hold its records back. */
  | 'prefetch'
  /** Its parent comes first, or a listing must first show what comes before it. */
  | 'wait'

/**
 * What to do with a shard that is unread, or held back, so that no record of a child is delivered before its parent's last
 * one.
 */
export function planShard(node: ShardNode, forest: ShardForest): ShardPlan {
  const plan = planAfterParent(node, forest)
  return plan !== 'wait' && mayPrecedeStartedShard(node, forest) ? 'wait' : plan
}

function planAfterParent(node: ShardNode, forest: ShardForest): ShardPlan {
  if (node.parentId === undefined) return 'open'
  const parent = forest.parentOf(node)
  if (parent && parent.state !== 'finished') return parent.state === 'fetched' ? 'prefetch' : 'wait'
  if (parent && hasUnfinishedAncestor(parent, forest)) return 'wait'
  // The position names this shard itself, so its parent is finished; but perhaps not all that came before.
  if (node.inPosition) return mayHaveUnfinishedAncestor(node, forest) ? 'prefetch' : 'open'
  const missing = forest.missingParentOf(node)
  return missing?.state === 'hidden' ? 'wait' : 'open'
}

/**
 * Whether an ancestor is still to be read. It is when a token names both it and a descendant, because the shards between
 * them were not listed when the token was taken.
 */
function hasUnfinishedAncestor(node: ShardNode, forest: ShardForest): boolean {
  for (const ancestor of forest.ancestors(node)) if (ancestor.state !== 'finished') return true
  return false
}

/**
 * Whether a shard may turn out to lie before the position once a hidden parent is listed: a started shard names a parent
 * that is hidden, and that parent may descend from this shard.
 */
function mayPrecedeStartedShard(node: ShardNode, forest: ShardForest): boolean {
  if (node.inPosition) return false
  for (const { createdAt, children } of forest.hiddenParents) {
    if (createdAt === undefined || !isOlder(node, createdAt)) continue
    for (const child of children) if (child.isStarted) return true
  }
  return false
}

/**
 * Whether a shard may descend, by way of a hidden parent, from one that is still being read. A listing that lags behind
 * can show a shard as open together with its grandchild.
 */
function mayHaveUnfinishedAncestor(node: ShardNode, forest: ShardForest): boolean {
  if (forest.hiddenParents.size === 0) return false
  const hidden = forest.missingParentOf(forest.rootOf(node))
  if (hidden?.state !== 'hidden') return false
  for (const other of forest.nodes()) {
    if (other.state === 'finished' || !isOlder(other, hidden.createdAt as number)) continue
    if (forest.missingParentOf(forest.rootOf(other)) !== hidden) return true
  }
  return false
}

function isOlder({ createdAt }: ShardNode, time: number): boolean {
  return (createdAt ?? Number.POSITIVE_INFINITY) <= time
}

/** The children of a shard, their children, and so on, as far as they are known. */
export function* descendants(node: ShardNode): Generator<ShardNode, void, void> {
  const found = new Set(node.children)
  for (const descendant of found) {
    yield descendant
    for (const child of descendant.children) found.add(child)
  }
}

/** Whether reading of a descendant has started. Then the shard lies before the position, whenever it is listed. */
export function hasStartedDescendant(node: ShardNode): boolean {
  for (const descendant of descendants(node)) if (descendant.isStarted) return true
  return false
}
