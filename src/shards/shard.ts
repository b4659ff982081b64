import type { ShardPosition } from '../position/token.ts'

export type ShardState =
  /** Known, and not begun: it waits for its parent. */
  | 'unread'
  /** Being read. */
  | 'reading'
  /** Everything was fetched; some of it is still in the buffer. */
  | 'fetched'
  /** Everything was given out, or lies before the position that was asked for. */
  | 'finished'

/** Where the reading of a shard starts that was not read before, or not in this process. */
export type ShardStart = 'start' | { readonly since: number } | { readonly after: string }

/**
 * "Whatever is left of it": where `trim_horizon` begins in a shard that may have lost records already. In a token it
 * must not stand as `start`, which promises the whole shard, or a reload would tell of a gap that is none.
 */
export const OLDEST_LEFT: { readonly since: number } = { since: 0 }

function isOldestLeft(start: ShardStart): boolean {
  return typeof start === 'object' && 'since' in start && start.since === OLDEST_LEFT.since
}

/** One shard of the stream, and how far it was read. */
export interface Shard {
  /** 28 to 65 characters, as AWS gives it. */
  readonly shardId: string
  /** The shard that this one goes on from; undefined for the first shards of a stream. */
  readonly parentId: string | undefined
  /** The shards that go on from this one, as far as they were seen. */
  readonly children: readonly Shard[]
  /** Whether the service says that no record will be added. */
  readonly closed: boolean
  readonly state: ShardState
  /** What a token would hold for it: covers the records that were given out. */
  readonly position: ShardPosition
}

/**
 * A shard in the lineage: what the listings told of it, and how far it was read. Only the lineage and the reader of
 * the forest change it.
 *
 * @internal
 */
export class ShardNode implements Shard {
  readonly shardId: string
  /** Counts the shards in the order in which they were seen; settles ties in the merge. */
  readonly ordinal: number
  parentId: string | undefined
  readonly children: ShardNode[] = []
  closed = false
  startingSequenceNumber: string | undefined
  /** The number of the last listing that showed it; 0 if none did (a shard of a token). */
  seenInListing = 0
  /** When a complete listing first lacked it, having shown it before. */
  vanishedAt: number | undefined
  /** It is not listed any more and older than the retention: nothing is left of it, and nothing will come. */
  gone = false
  state: ShardState = 'unread'

  #start: ShardStart = 'start'
  /** Whether the position that was asked for speaks of this very shard. Then its ancestors lie before the position. */
  placed = false
  /** Whether every record from its start on is promised, so that one that was trimmed is a gap. */
  promised = true
  /** The last sequence number that was given out. */
  delivered: string | undefined
  /** The last sequence number that is done with, as the consumer sees it; follows `delivered`. */
  committed: string | undefined
  /** The last sequence number that was fetched, also of records that a `since` passed over. */
  fetched: string | undefined
  /** The highest time (ms) that was given out in it or before it in its lineage: merging never steps back behind it. */
  reachedTime: number = Number.NEGATIVE_INFINITY

  constructor(shardId: string, parentId: string | undefined, ordinal: number) {
    this.shardId = shardId
    this.parentId = parentId
    this.ordinal = ordinal
  }

  /** Whether it is known that no record will be added. */
  get hasEnded(): boolean {
    return this.closed || this.children.length > 0 || this.gone
  }

  /** Where reading starts, or started. */
  get start(): ShardStart {
    return this.#start
  }

  set start(start: ShardStart) {
    this.#start = start
    if (isOldestLeft(start)) this.promised = false
  }

  get position(): ShardPosition {
    return this.positionAfter(this.delivered, true)
  }

  /**
   * The position that covers everything up to the sequence number `last` (undefined: nothing yet). With `settled`
   * unset the end of the shard is not in it, whatever its state.
   */
  positionAfter(last: string | undefined, settled: boolean): ShardPosition {
    const at = last === undefined ? this.start : { after: last }
    if (!settled || this.state !== 'finished') return at
    // Nothing new enough was given out: heirs must still know from when on records are wanted.
    if (typeof at === 'object' && 'since' in at) return at
    return { end: last ?? this.fetched ?? (typeof at === 'object' ? at.after : null) }
  }

  /** Where the children of this shard start, once it is finished. */
  get heirStart(): 'start' | { readonly since: number } {
    const waiting = this.delivered === undefined && typeof this.start === 'object' && 'since' in this.start
    return waiting ? (this.start as { since: number }) : 'start'
  }
}
