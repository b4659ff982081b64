import type { ShardNode } from './shard.ts'
import type { ShardForest } from './shard-forest.ts'

export type ShardPlan =
  /** No ancestor is left to be read: read it, and deliver its records. */
  | 'open'
  /** An ancestor has, or may have, records that are not delivered yet: read it, but hold its records back. */
  | 'prefetch'
  /** An ancestor has not been fetched to its end, or a listing must first show which its ancestors are. */
  | 'wait'

/**
 * Decides whether a shard that is unread or held back can be read now. No record of a child may be delivered
 * before the last record of its parent.
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
  // The position names this shard, so its parent is finished, but an older ancestor may not be.
  if (node.inPosition) return mayHaveUnfinishedAncestor(node, forest) ? 'prefetch' : 'open'
  const missing = forest.missingParentOf(node)
  return missing?.state === 'hidden' ? 'wait' : 'open'
}

/**
 * Whether an ancestor is not finished. A token names both a shard and a descendant of it if the shards in
 * between had not been listed when the token was taken.
 */
function hasUnfinishedAncestor(node: ShardNode, forest: ShardForest): boolean {
  for (const ancestor of forest.ancestors(node)) if (ancestor.state !== 'finished') return true
  return false
}

/**
 * Whether a shard may turn out to lie before the position once a hidden parent is listed. That is possible
 * while a shard that has been started has a hidden parent, and that parent may be a descendant of this shard.
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
 * Whether a shard may be the descendant, through a hidden parent, of one that is not finished. A listing that
 * lags behind can show a shard as open and its grandchild at the same time.
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

/** All known descendants of a shard. */
export function* descendants(node: ShardNode): Generator<ShardNode, void, void> {
  const found = new Set(node.children)
  for (const descendant of found) {
    yield descendant
    for (const child of descendant.children) found.add(child)
  }
}

/** Whether a descendant has been started. If so, the shard lies before the position, even if listed later. */
export function hasStartedDescendant(node: ShardNode): boolean {
  for (const descendant of descendants(node)) if (descendant.isStarted) return true
  return false
}
