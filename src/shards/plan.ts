import { shardCreatedAt } from '../position/shard-id.ts'
import type { Lineage } from './lineage.ts'
import { RETENTION_MS } from './retention.ts'
import type { ShardNode } from './shard.ts'

/**
 * How long a child waits for a parent that it names and no listing shows, in ms. A parent younger than the retention
 * is hidden by a listing that lags, not trimmed; after this time the child is read all the same.
 */
export const HIDDEN_PARENT_WAIT_MS: number = 300_000

export type ShardPlan =
  /** Nothing stands before it: read it now. */
  | { readonly do: 'open'; readonly hiddenParentId?: string }
  /** What stands before it is being read: fetch it too, but hold its records back. */
  | { readonly do: 'prefetch' }
  /** Its parent comes first. `until`: when to look again, if nothing happens before. */
  | { readonly do: 'wait'; readonly until?: number }

/**
 * Says what to do with a shard that is unread, or held back, so that no record of a child comes before its parent's last one.
 */
export function planShard(node: ShardNode, lineage: Lineage, knownSince: number, now: number): ShardPlan {
  const until = knownSince + HIDDEN_PARENT_WAIT_MS
  const plan = planAfterParent(node, lineage, until, now)
  if (plan.do === 'wait' || now >= until || !mayBeBehind(node, lineage, now)) return plan
  return { do: 'wait', until }
}

function planAfterParent(node: ShardNode, lineage: Lineage, until: number, now: number): ShardPlan {
  if (node.parentId === undefined) return { do: 'open' }
  const parent = lineage.get(node.parentId)
  if (parent && parent.state !== 'finished') return { do: parent.state === 'fetched' ? 'prefetch' : 'wait' }
  if (parent && isBehindAncestor(parent, lineage)) return { do: 'wait' }
  // The position speaks of this shard itself, so its parent is done; but perhaps not all that came before.
  if (node.placed)
    return now < until && mayHaveAncestor(node, lineage, now) ? { do: 'prefetch' } : { do: 'open' }
  if (parent) return { do: 'open' }
  // An old parent that is not listed was trimmed with all its records. So it is where its id tells no time.
  if (!isHidden(node.parentId, now)) return { do: 'open' }
  return now < until ? { do: 'wait', until } : { do: 'open', hiddenParentId: node.parentId }
}

/**
 * Whether an ancestor is still to be read. It is when a token names both it and an heir, because shards between them
 * were not listed when it was taken.
 */
function isBehindAncestor(parent: ShardNode, lineage: Lineage): boolean {
  for (let before = lineage.parentOf(parent); before; before = lineage.parentOf(before)) {
    if (before.state !== 'finished') return true
  }
  return false
}

/** Whether a shard that no listing shows is too young to have been trimmed. */
function isHidden(shardId: string, now: number): boolean {
  const createdAt = shardCreatedAt(shardId)
  return createdAt !== undefined && createdAt >= now - RETENTION_MS
}

/**
 * Whether a shard may turn out to lie before the position, once a hidden shard is listed: a shard that was read names a
 * parent that no listing shows, and that parent may go on from this shard, or from an heir of it.
 */
function mayBeBehind(node: ShardNode, lineage: Lineage, now: number): boolean {
  if (node.placed) return false
  const hidden = lineage.missingParents().filter((parentId) => isHidden(parentId, now))
  const newest = Math.max(...hidden.map((parentId) => shardCreatedAt(parentId) ?? 0))
  return hidden.length > 0 && isOlder(node, newest)
}

/**
 * Whether a shard may go on, by way of one that no listing shows, from one that is still being read. A listing that lags
 * behind can show a shard as open, and a grandchild of it.
 */
function mayHaveAncestor(node: ShardNode, lineage: Lineage, now: number): boolean {
  const { parentId: hiddenId } = lineage.rootOf(node)
  if (hiddenId === undefined || !isHidden(hiddenId, now)) return false
  const hiddenCreatedAt = shardCreatedAt(hiddenId) as number
  for (const other of lineage.nodes()) {
    if (other.state === 'finished' || !isOlder(other, hiddenCreatedAt)) continue
    if (lineage.rootOf(other).parentId !== hiddenId) return true
  }
  return false
}

function isOlder({ shardId }: ShardNode, time: number): boolean {
  return (shardCreatedAt(shardId) ?? Number.POSITIVE_INFINITY) <= time
}

/** A shard with all that go on from it, as far as they are known. */
function heirsOf(node: ShardNode): ShardNode[] {
  const heirs = new Set([node])
  for (const heir of heirs) for (const child of heir.children) heirs.add(child)
  return [...heirs]
}

/** Whether reading of one of the shard's heirs has begun. Then it lies before the position, whenever it shows up. */
export function hasStartedHeir(node: ShardNode): boolean {
  return heirsOf(node).some((heir) => heir !== node && (heir.state !== 'unread' || heir.placed))
}
