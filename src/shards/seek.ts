import { shardCreatedAt } from '../position/shard-id.ts'
import type { StreamToken } from '../position/token.ts'
import type { Lineage } from './lineage.ts'
import { hasStartedHeir } from './plan.ts'
import { RETENTION_MS } from './retention.ts'
import { OLDEST_LEFT, type ShardNode } from './shard.ts'

/**
 * How much earlier than its first child's id says a closed shard must have ended to be passed over, in ms. The time
 * in an id is undocumented and says when the child was made, so it is trusted with this much room only.
 */
export const SEEK_MARGIN_MS: number = 300_000

/** Where shards start that show up after the position was taken and are nobody's known child. */
export type AdoptedStart = 'start' | { readonly since: number }

/** Places the lineage at its oldest records. */
export function seekTrimHorizon(lineage: Lineage, now: number): AdoptedStart {
  for (const node of lineage.roots()) {
    if (shardCreatedAt(node.shardId) === undefined) node.promised = false
    else if (!isYoung(node, now)) node.start = OLDEST_LEFT
  }
  return 'start'
}

/**
 * Places the lineage at the open shards, for records from `since` on. Closed shards hold only what was written
 * before; those whose children are not listed yet are kept, so that the children are waited for.
 */
export function seekLatest(lineage: Lineage, since: number): AdoptedStart {
  for (const node of lineage.nodes()) {
    place(node, { since })
    if (node.hasEnded) node.state = 'finished'
  }
  return { since }
}

/**
 * Places the lineage at a time: passes over closed shards that ended before it, as far as the ids of their children
 * tell, and leaves the rest to be scanned.
 */
export function seekTime(lineage: Lineage, since: number, now: number): AdoptedStart {
  for (const node of lineage.nodes()) {
    node.start = { since }
    node.promised = isYoung(node, now)
    if (endedBefore(node, since - SEEK_MARGIN_MS)) node.state = 'finished'
  }
  for (const node of lineage.nodes()) {
    if (node.state === 'unread' && hasFinishedHeir(node)) node.state = 'finished'
  }
  return { since }
}

/** Places the lineage where a token says. Shards of which it says nothing are unread, unless they are ancestors. */
export function seekToken(lineage: Lineage, token: StreamToken): AdoptedStart {
  for (const { shardId, parentId, at, state } of token.shards) {
    const node = lineage.ensure(shardId, parentId)
    const isAtEnd = typeof at === 'object' && 'end' in at
    place(node, isAtEnd ? 'start' : at)
    if (state === 'waiting') node.placed = false
    if (!isAtEnd && state !== 'passed') continue
    node.state = 'finished'
    node.closed = true
    if (!isAtEnd) continue
    node.delivered = at.end ?? undefined
    node.committed = node.delivered
  }
  for (const node of lineage.nodes()) {
    if (node.state === 'unread' && !node.placed && hasStartedHeir(node)) node.state = 'finished'
  }
  for (const { parentId, at } of token.shards) {
    const parent = parentId === undefined ? undefined : lineage.get(parentId)
    // A child that was not listed when the token was taken begins where its sibling did.
    if (parent && !parent.placed && typeof at === 'object' && 'since' in at) parent.start = at
  }
  return 'start'
}

function place(node: ShardNode, start: ShardNode['start']): void {
  node.placed = true
  node.start = start
}

/** A young shard has lost nothing yet: all of it is promised. */
function isYoung({ shardId }: ShardNode, now: number): boolean {
  return (shardCreatedAt(shardId) ?? Number.NEGATIVE_INFINITY) > now - RETENTION_MS
}

function endedBefore(node: ShardNode, time: number): boolean {
  if (!node.closed || node.children.length === 0) return false
  return node.children.every((child) => (shardCreatedAt(child.shardId) ?? Number.POSITIVE_INFINITY) <= time)
}

function hasFinishedHeir(node: ShardNode): boolean {
  const rest = [...node.children]
  for (let heir = rest.pop(); heir; heir = rest.pop()) {
    if (heir.state === 'finished') return true
    rest.push(...heir.children)
  }
  return false
}
