import type { ShardReader } from '../reader/shard-reader.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import type { ShardNode } from '../shards/shard.ts'

/** How far reading is behind the stream. All times are in ms. */
export interface StreamLag {
  /** Age of the oldest record that may not have been processed yet; 0 when there is none. The largest of all shards. */
  readonly millisBehindLatest: number
  /** How long it takes until the oldest record that was not processed is trimmed: 24 hours less the lag; at least 0. */
  readonly retentionHeadroomMs: number
  /** The shards that are being read, or have records that are not acknowledged. */
  readonly shards: readonly { readonly shardId: string; readonly millisBehindLatest: number }[]
}

/** A reader at the tip that was not polled for longer than its longest pause and this (ms) may have records again. */
const TIP_DOUBTED_AFTER_MS = 5_000

/**
 * What the lag is computed from.
 *
 * @internal
 */
export interface LagInput {
  readonly readers: ReadonlyMap<ShardNode, ShardReader>
  /** The shards of the token. */
  readonly nodes: Iterable<ShardNode>
  /** Whether no further shard will be found. */
  readonly isOver: boolean
  /** The service's time (ms). */
  readonly serviceNow: number
  /** Monotonic ms. */
  readonly now: number
  readonly longestPauseMs: number
}

/**
 * Computes the lag from what is known of the shards, without a call.
 *
 * @internal
 */
export function lagOf({ readers, nodes, isOver, serviceNow, now, longestPauseMs }: LagInput): StreamLag {
  const shards: StreamLag['shards'][number][] = []
  let millisBehindLatest = 0
  for (const node of nodes) {
    const reader = readers.get(node)
    const unacknowledgedAt = node.ledger.oldestOpen?.createdAt.getTime()
    const isWaiting = reader === undefined ? !isToBeRead(node, isOver) : reader.isHeld
    if (isWaiting && unacknowledgedAt === undefined) continue
    const isPolled = reader !== undefined && now - reader.answeredAt <= longestPauseMs + TIP_DOUBTED_AFTER_MS
    const readUpTo = readUpToOf(node, reader, serviceNow, isPolled)
    const behind = Math.max(0, serviceNow - Math.min(readUpTo, unacknowledgedAt ?? readUpTo))
    shards.push({ shardId: node.shardId, millisBehindLatest: behind })
    millisBehindLatest = Math.max(millisBehindLatest, behind)
  }
  return { millisBehindLatest, retentionHeadroomMs: Math.max(0, RETENTION_MS - millisBehindLatest), shards }
}

/**
 * Whether a shard that is not being read holds records that are wanted: it waits for its parent. Or whether its children do,
 * which are not known yet.
 */
function isToBeRead(node: ShardNode, isOver: boolean): boolean {
  if (node.state === 'unread') return true
  return node.state === 'finished' && !isOver && !node.expired && node.children.length === 0
}

/** The time up to which every record of the shard was delivered. */
function readUpToOf(
  node: ShardNode,
  reader: ShardReader | undefined,
  serviceNow: number,
  isPolled: boolean,
): number {
  if (!reader && node.state === 'finished')
    return Number.isFinite(node.reachedTime) ? node.reachedTime : serviceNow
  if (!reader) return startOf(node, undefined) ?? serviceNow
  const { queue, atTip, caughtUpAt, isFailing, since } = reader
  if (queue.length > 0) return queue.headTime
  if (node.state === 'fetched' || (atTip && isPolled && !isFailing)) return serviceNow
  const known = Math.max(caughtUpAt ?? Number.NEGATIVE_INFINITY, node.reachedTime)
  if (Number.isFinite(known)) return known
  return startOf(node, since) ?? serviceNow
}

/** From when on records of a shard are wanted (ms), of which none was read yet; undefined if that is not known. */
function startOf({ createdAt, start }: ShardNode, since: number | undefined): number | undefined {
  const from = since ?? (typeof start === 'object' && 'since' in start ? start.since : 0)
  return Math.max(from, createdAt ?? 0) || undefined
}
