import { shardCreatedAt } from '../position/shard-id.ts'
import type { ShardPosition } from '../position/token.ts'
import { ShardLedger } from './shard-ledger.ts'

export type ShardState =
  /** Known, but not started: it waits for its parent. */
  | 'unread'
  /** Being read. */
  | 'reading'
  /** Read to its end; some of its records are still buffered. */
  | 'fetched'
  /** All of its records were delivered, or lie before the requested position. */
  | 'finished'

/** Where reading starts in a shard that was not read before, or not by this process. */
export type ShardStart = 'start' | { readonly since: number } | { readonly after: string }

/**
 * "Whatever is left of it": where `trim_horizon` starts in a shard that may have lost records already. A token must not
 * say `start` for it, which promises the whole shard, or loading the token would report a false gap.
 */
export const OLDEST_RETAINED: { readonly since: number } = { since: 0 }

function isOldestRetained(start: ShardStart): boolean {
  return typeof start === 'object' && 'since' in start && start.since === OLDEST_RETAINED.since
}

/** One shard of the stream, and how far it was read. */
export interface Shard {
  /** 28 to 65 characters, as AWS returns it. */
  readonly shardId: string
  /** The shard whose child this is; undefined for the first shards of a stream. */
  readonly parentId: string | undefined
  /** Its children, as far as they were listed. */
  readonly children: readonly Shard[]
  /** Whether the service says that no record will be added. */
  readonly closed: boolean
  readonly state: ShardState
  /** What a token would hold for it: covers the records that were delivered. */
  readonly position: ShardPosition
}

/**
 * A shard in the forest: what listings say about it, where reading starts in it and how far it got. `ShardForest` writes
 * what comes from listings, `seek` and `ShardSequencer` where reading starts and its state, `ShardReader` what was fetched.
 *
 * @internal
 */
export class ShardNode implements Shard {
  readonly shardId: string
  /** The order in which shards were first seen; settles ties in the merge. */
  readonly ordinal: number
  /** When the shard was created (ms), as its id says; undefined for an id that contains no time. */
  readonly createdAt: number | undefined
  readonly ledger: ShardLedger = new ShardLedger()

  // ---- Written by ShardForest, from listings -----------------------------------------------------------------------
  parentId: string | undefined
  readonly children: ShardNode[] = []
  closed = false
  startingSequenceNumber: string | undefined
  /** The number of the last listing that showed it; 0 if none did (a shard that only a token names). */
  seenInListing = 0
  /** When a complete listing first lacked it, having shown it before (monotonic ms). */
  missingSince: number | undefined
  /** It is no longer listed and older than the retention: nothing is left of it, and nothing will come. */
  expired = false

  // ---- Written while a position is taken, and by ShardSequencer ----------------------------------------------------
  state: ShardState = 'unread'
  #start: ShardStart = 'start'
  /** Whether the requested position names this very shard. Then its ancestors lie before the position. */
  inPosition = false
  /** Whether every record from its start on is promised, so that a trimmed one is a gap. */
  mustBeComplete = true

  // ---- Written by ShardReader and ShardQueue -----------------------------------------------------------------------
  /** The last sequence number that was fetched, also of records that were skipped because of a `since`. */
  fetched: string | undefined
  /** The highest record time (ms) delivered in it or in its ancestors: the merge never goes back behind it. */
  reachedTime: number = Number.NEGATIVE_INFINITY

  constructor(shardId: string, ordinal: number) {
    this.shardId = shardId
    this.createdAt = shardCreatedAt(shardId)
    this.ordinal = ordinal
  }

  /** Whether it is known that no record will be added. */
  get hasEnded(): boolean {
    return this.closed || this.children.length > 0 || this.expired
  }

  /** Whether reading of it has started, or the position names it. */
  get isStarted(): boolean {
    return this.state !== 'unread' || this.inPosition
  }

  /** Where reading starts, or started. */
  get start(): ShardStart {
    return this.#start
  }

  set start(start: ShardStart) {
    this.#start = start
    if (isOldestRetained(start)) this.mustBeComplete = false
  }

  get position(): ShardPosition {
    return this.positionAfter(this.ledger.delivered, true)
  }

  /** The position that covers the acknowledged records. */
  get acknowledgedPosition(): ShardPosition {
    return this.positionAfter(this.ledger.acknowledged, !this.ledger.hasOpen)
  }

  /**
   * The position that covers everything up to the sequence number `last` (undefined: nothing yet). With `isAll` unset the
   * end of the shard is not covered, whatever its state.
   */
  positionAfter(last: string | undefined, isAll: boolean): ShardPosition {
    const at = last === undefined ? this.start : { after: last }
    if (!isAll || this.state !== 'finished') return at
    // No record was new enough: descendants must still know from when on records are wanted.
    if (typeof at === 'object' && 'since' in at) return at
    return { end: last ?? this.fetched ?? (typeof at === 'object' ? at.after : null) }
  }

  /** Where the children of this shard start, once it is finished. */
  get childStart(): 'start' | { readonly since: number } {
    const isPending =
      this.ledger.delivered === undefined && typeof this.start === 'object' && 'since' in this.start
    return isPending ? (this.start as { since: number }) : 'start'
  }
}
