import type { StreamToken } from '../position/token.ts'
import { descendants, hasStartedDescendant } from './parents-first.ts'
import { isCertainlyWhole } from './retention.ts'
import { OLDEST_RETAINED, type ShardNode } from './shard.ts'
import type { ShardForest } from './shard-forest.ts'

/**
 * A closed shard is skipped if its children were created at least this long before the requested time, in ms.
 * The creation time is taken from the shard id. AWS does not document that format, hence the margin.
 */
const SEEK_MARGIN_MS: number = 300_000

/** Where to start in a shard that has no known parent and is first listed after the position was taken. */
export type NewShardStart = 'start' | { readonly since: number }

/** Applies the position `trim_horizon` to the forest. `now`: the service's time (ms). */
export function seekTrimHorizon(forest: ShardForest, now: number): NewShardStart {
  for (const node of forest.roots()) {
    if (node.createdAt === undefined) node.mustBeComplete = false
    else if (!isCertainlyWhole(node.createdAt, now)) node.start = OLDEST_RETAINED
  }
  return 'start'
}

/**
 * Applies the position `latest` to the forest: open shards are read for records from `since` (ms) on. Closed
 * shards contain only older records, so they are finished; one whose children are not listed yet stays in the
 * token, so that the children are waited for.
 */
export function seekLatest(forest: ShardForest, since: number): NewShardStart {
  for (const node of forest.nodes()) {
    place(node, { since })
    if (node.hasEnded) node.state = 'finished'
  }
  return { since }
}

/**
 * Applies a position in time to the forest: closed shards that ended before `since` (ms), according to the
 * creation times in the ids of their children, are skipped; the others are read for records from `since` on.
 * `now`: the service's time (ms).
 */
export function seekTime(forest: ShardForest, since: number, now: number): NewShardStart {
  for (const node of forest.nodes()) {
    node.start = { since }
    node.mustBeComplete = isCertainlyWhole(node.createdAt, now)
    if (endedBefore(node, since - SEEK_MARGIN_MS)) node.state = 'finished'
  }
  for (const node of forest.nodes()) {
    if (node.state === 'unread' && hasFinishedDescendant(node)) node.state = 'finished'
  }
  return { since }
}

/**
 * Applies the position of a token to the forest. A shard that the token does not name is unread, unless it is
 * an ancestor of one that had been started when the token was taken.
 */
export function seekToken(forest: ShardForest, token: StreamToken): NewShardStart {
  for (const shard of token.shards) {
    const { shardId, parentId, at, state } = shard
    const node = forest.ensure(shardId, parentId)
    node.ledger.load(shard)
    const isAtEnd = typeof at === 'object' && 'end' in at
    place(node, isAtEnd ? 'start' : at)
    if (state === 'pending') node.inPosition = false
    if (!isAtEnd && state !== 'skipped') continue
    node.state = 'finished'
    node.closed = true
    if (!isAtEnd) continue
    node.ledger.startAfter(at.end ?? undefined)
  }
  for (const node of forest.nodes()) {
    if (node.state === 'unread' && !node.inPosition && hasStartedDescendant(node)) node.state = 'finished'
  }
  for (const { parentId, at } of token.shards) {
    const parent = parentId === undefined ? undefined : forest.get(parentId)
    // A child that was not listed when the token was taken starts at the same time as its sibling.
    if (parent && !parent.inPosition && typeof at === 'object' && 'since' in at) parent.start = at
  }
  return 'start'
}

function place(node: ShardNode, start: ShardNode['start']): void {
  node.inPosition = true
  node.start = start
}

function endedBefore(node: ShardNode, time: number): boolean {
  if (!node.closed || node.children.length === 0) return false
  return node.children.every(({ createdAt }) => (createdAt ?? Number.POSITIVE_INFINITY) <= time)
}

function hasFinishedDescendant(node: ShardNode): boolean {
  for (const { state } of descendants(node)) if (state === 'finished') return true
  return false
}
