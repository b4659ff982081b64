import type { ShardReader } from '../reader/shard-reader.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import type { ShardNode } from '../shards/shard.ts'

/** How far reading is behind the stream. All times are in whole ms. */
export interface StreamLag {
  /**
   * The age of the oldest record that may not have been processed yet, in ms: the maximum over all shards. It
   * is 0 at the tip, even without traffic, but not while a shard is failing or has not been read (unless
   * nothing is known about the age of its records).
   */
  readonly millisBehindLatest: number
  /**
   * The time until the oldest unprocessed record is trimmed, in ms: 24 hours, for which DynamoDB Streams
   * retains records, minus `millisBehindLatest`, but at least 0.
   */
  readonly retentionHeadroomMs: number
  /**
   * The lag of each shard that is being read, is still to be read, or has records that are not acknowledged.
   */
  readonly shards: readonly { readonly shardId: string; readonly millisBehindLatest: number }[]
}

/**
 * A reader at the tip may have new records if it was not polled for its longest pause plus this time (ms).
 */
const TIP_DOUBTED_AFTER_MS = 5_000

/**
 * The input from which the lag is computed.
 *
 * @internal
 */
export interface LagInput {
  readonly readers: ReadonlyMap<ShardNode, ShardReader>
  /** The shards of the token. */
  readonly nodes: Iterable<ShardNode>
  /** Whether the stream is disabled and all of its shards are known. */
  readonly isOver: boolean
  /** The service's time (ms). */
  readonly serviceNow: number
  /** Monotonic ms. */
  readonly now: number
  readonly longestPauseMs: number
}

/**
 * Computes the lag from the state of the shards, without a call.
 *
 * @internal
 */
export function lagOf({ readers, nodes, isOver, serviceNow, now, longestPauseMs }: LagInput): StreamLag {
  const shards: StreamLag['shards'][number][] = []
  let millisBehindLatest = 0
  for (const node of nodes) {
    const reader = readers.get(node)
    const unacknowledgedAt = node.ledger.oldestUnsettled?.createdAt.getTime()
    const isWaiting = reader === undefined ? !isToBeRead(node, isOver) : reader.isHeld
    if (isWaiting && unacknowledgedAt === undefined) continue
    const isPolled = reader !== undefined && now - reader.respondedAt <= longestPauseMs + TIP_DOUBTED_AFTER_MS
    const readUpTo = readUpToOf(node, reader, serviceNow, isPolled)
    // The service's time has fractions of a ms. Rounded up, because 0 means that reading is at the tip.
    const behind = Math.ceil(Math.max(0, serviceNow - Math.min(readUpTo, unacknowledgedAt ?? readUpTo)))
    shards.push({ shardId: node.shardId, millisBehindLatest: behind })
    millisBehindLatest = Math.max(millisBehindLatest, behind)
  }
  return { millisBehindLatest, retentionHeadroomMs: Math.max(0, RETENTION_MS - millisBehindLatest), shards }
}

/**
 * Whether a shard that is not being read, or a child of it that is not known yet, may contain undelivered
 * records.
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

/** The time from which records of an unread shard are requested (ms); undefined if unknown. */
function startOf({ createdAt, start }: ShardNode, since: number | undefined): number | undefined {
  const from = since ?? (typeof start === 'object' && 'since' in start ? start.since : 0)
  return Math.max(from, createdAt ?? 0) || undefined
}
