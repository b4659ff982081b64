import { shardCreatedAt } from '../position/shard-id.ts'
import type { ShardPosition } from '../position/token.ts'
import { ShardLedger } from './shard-ledger.ts'

/** How far a shard has been read. */
export type ShardState =
  /** Known but not started, usually because its parent is not finished. */
  | 'unread'
  /** Being read. */
  | 'reading'
  /** Fetched to its end, but some of its records have not been delivered. */
  | 'fetched'
  /** All of its records were delivered, or lie before the requested position. */
  | 'finished'

/** Where reading starts in a shard of which this process has not read anything yet. */
export type ShardStart = 'start' | { readonly since: number } | { readonly after: string }

/**
 * "Whatever is still retained": where `trim_horizon` starts in a shard that may already have lost records.
 * Its token entry must not be `start`, which requires every record of the shard: loading that token would
 * report a false gap.
 */
export const OLDEST_RETAINED: { readonly since: number } = { since: 0 }

export function isOldestRetained(start: ShardStart): boolean {
  return typeof start === 'object' && 'since' in start && start.since === OLDEST_RETAINED.since
}

/**
 * One shard of the stream, and how far it has been read.
 *
 * The object is live: `children`, `closed`, `state` and `position` change as reading proceeds.
 */
export interface Shard {
  /** The id as returned by DynamoDB Streams, 28 to 65 characters. */
  readonly shardId: string
  /** The id of the parent shard; undefined for the first shards of a stream. The parent may have expired. */
  readonly parentId: string | undefined
  /** The children that have been listed so far. */
  readonly children: readonly Shard[]
  /** Whether the service reports that no more records will be written to the shard. */
  readonly closed: boolean
  /** How far the shard has been read. */
  readonly state: ShardState
  /** The position after the last delivered record, in the form in which a token stores it. */
  readonly position: ShardPosition
}

/**
 * A shard in the forest: what listings report about it, where reading starts in it, and how far it got.
 * `ShardForest` writes what listings report, the `seek…` functions and `ShardSequencer` write the start and
 * the state, and `ShardReader` and `ShardQueue` write how far it got. Exceptions: `seekToken` and
 * `ReadSession` also close shards, and `ReadSession` also clears `mustBeComplete`.
 *
 * @internal
 */
export class ShardNode implements Shard {
  readonly shardId: string
  /** Numbers the shards in the order in which they became known; breaks ties in the merge. */
  readonly ordinal: number
  /** When the shard was created (ms), according to its id; undefined if the id contains no time. */
  readonly createdAt: number | undefined
  readonly ledger: ShardLedger = new ShardLedger()

  // ---- Written by ShardForest, from listings --------------------------------------------------------------
  parentId: string | undefined
  readonly children: ShardNode[] = []
  closed = false
  startingSequenceNumber: string | undefined
  /** The number of the last listing that showed it; 0 for a shard that is only known from a token. */
  seenInListing = 0
  /** When a complete listing first lacked it after an earlier one showed it (monotonic ms). */
  missingSince: number | undefined
  /** Whether it is no longer listed and older than the retention: all of its records are trimmed. */
  expired = false

  // ---- Written by the seek functions and ShardSequencer ---------------------------------------------------
  state: ShardState = 'unread'
  #start: ShardStart = 'start'
  /** Whether the requested position names this shard itself, so its ancestors lie before the position. */
  inPosition = false
  /** Whether every record from its start on must be delivered, so that a trimmed one is a gap. */
  mustBeComplete = true

  // ---- Written by ShardReader and ShardQueue --------------------------------------------------------------
  /** The last sequence number that was fetched, including records that were skipped because of a `since`. */
  fetched: string | undefined
  /** The highest record time (ms) delivered from it or its ancestors. Its records are merged no earlier. */
  reachedTime: number = Number.NEGATIVE_INFINITY
  /** The start before a gap: the position while a record that was delivered before it is unsettled. */
  #startBeforeGap: ShardStart | undefined

  constructor(shardId: string, ordinal: number) {
    this.shardId = shardId
    this.createdAt = shardCreatedAt(shardId)
    this.ordinal = ordinal
  }

  /** Whether it is known that no more records will be written to it. */
  get hasEnded(): boolean {
    return this.closed || this.children.length > 0 || this.expired
  }

  /** Whether it has been started, or the position names it. */
  get isStarted(): boolean {
    return this.state !== 'unread' || this.inPosition
  }

  /** Where reading starts or has started. */
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
    const { acknowledged, hasUnsettled, isBeforeGap } = this.ledger
    if (acknowledged === undefined && isBeforeGap && this.#startBeforeGap) return this.#startBeforeGap
    return this.positionAfter(acknowledged, !hasUnsettled)
  }

  /**
   * The position that covers all records up to a sequence number.
   *
   * @param last - the sequence number; undefined: no record is covered.
   * @param isAll - whether every delivered record is covered. If so, the position of a finished shard covers
   * its end.
   */
  positionAfter(last: string | undefined, isAll: boolean): ShardPosition {
    const at = last === undefined ? this.start : { after: last }
    if (!isAll || this.state !== 'finished') return at
    // No record was new enough, so the children still need the requested time.
    if (typeof at === 'object' && 'since' in at) return at
    return { end: last ?? this.fetched ?? (typeof at === 'object' ? at.after : null) }
  }

  /** Continues at the oldest retained record, because later ones than the last fetched were trimmed. */
  continueAfterGap(): void {
    this.fetched = undefined
    this.ledger.continueAfterGap()
    this.#startBeforeGap ??= this.start
    this.start = OLDEST_RETAINED
  }

  /** Where the children of this shard start once it is finished. */
  get childStart(): 'start' | { readonly since: number } {
    const isPending =
      this.ledger.delivered === undefined && typeof this.start === 'object' && 'since' in this.start
    return isPending ? (this.start as { since: number }) : 'start'
  }
}
