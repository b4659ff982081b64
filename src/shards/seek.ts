import type { StreamToken } from '../position/token.ts'
import { descendants, hasStartedDescendant } from './parents-first.ts'
import { isCertainlyWhole } from './retention.ts'
import { OLDEST_RETAINED, type ShardNode } from './shard.ts'
import type { ShardForest } from './shard-forest.ts'

/**
 * How much earlier than its first child's id says a closed shard must have ended to be skipped, in ms. The time in an id
 * is undocumented, and is when the child was created, so it is only trusted with this margin.
 */
const SEEK_MARGIN_MS: number = 300_000

/** Where shards start that are first listed after the position was taken and have no known parent. */
export type NewShardStart = 'start' | { readonly since: number }

/** Takes the position at the oldest records. */
export function seekTrimHorizon(forest: ShardForest, now: number): NewShardStart {
  for (const node of forest.roots()) {
    if (node.createdAt === undefined) node.mustBeComplete = false
    else if (!isCertainlyWhole(node.createdAt, now)) node.start = OLDEST_RETAINED
  }
  return 'start'
}

/**
 * Takes the position in the open shards, for records from `since` (ms) on. Closed shards only hold older records; those
 * whose children are not listed yet are kept, so that the children are waited for.
 */
export function seekLatest(forest: ShardForest, since: number): NewShardStart {
  for (const node of forest.nodes()) {
    place(node, { since })
    if (node.hasEnded) node.state = 'finished'
  }
  return { since }
}

/**
 * Takes the position at a time (ms): skips closed shards that ended before it, as far as the ids of their children say, and
 * leaves the rest to be scanned.
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

/** Takes the position of a token. Shards that it does not name are unread, unless they are ancestors of those it names. */
export function seekToken(forest: ShardForest, token: StreamToken): NewShardStart {
  for (const { shardId, parentId, at, state } of token.shards) {
    const node = forest.ensure(shardId, parentId)
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
    // A child that was not listed when the token was taken starts where its sibling did.
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
