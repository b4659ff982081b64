import type { ShardNode } from '../shards/shard.ts'
import type { ShardForest } from '../shards/shard-forest.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import {
  extendStreak,
  type FailureStreak,
  STALLED_AFTER_MS,
  streakMs,
} from '../streams-api/failure-streak.ts'
import {
  confirmNotFound,
  type ListingContext,
  listAllShards,
  listShardPage,
} from '../streams-api/list-all-shards.ts'
import type { ShardPage, StreamStatus } from '../streams-api/streams-api.ts'

/** DescribeStream returns at most this many shards a page (API reference). */
const SHARDS_PER_PAGE = 100

/** How often the children of a shard are looked for at short intervals; then the periodic listing has to do. */
const QUICK_ATTEMPTS = 10

/** The longest pause between listings while a parent is hidden, in ms. */
const LONGEST_HIDDEN_PAUSE_MS = 10_000

/**
 * How long after a listing that said DISABLED everything is listed once more, in ms. The stream may have rolled right
 * before it was disabled, and a listing does not lag less because it says DISABLED.
 */
const LAST_LISTING_AFTER_MS = 1_500

/** A stream has a shard from its start: for so long (ms) a listing of a disabled one that shows none is not believed. */
const NO_SHARDS_BELIEVED_AFTER_MS = 10_000

/** How often all shards are listed while there is none to read (a stream that is being enabled), in ms. */
const NOTHING_TO_READ_INTERVAL_MS = 2_000

/** Finished shards that are no longer listed are remembered for this long (ms), in case they are shown again. */
const REMEMBER_MISSING_MS = 3_600_000

/** A listing that took longer (ms) was interrupted by a suspension, and is no reason to wait as long before the next one. */
const LONGEST_LISTING_MS = 60_000

interface Search {
  attempts: number
  /** Monotonic ms. */
  dueAt: number
}

export interface DiscoveryListener {
  /** A page was merged into the forest; these shards were not known. */
  onShards(fresh: readonly ShardNode[]): void
  /** All shards were listed. */
  onListed(): void
  /** Everything was listed, or (not `wasListed`) only the children of this shard. */
  onSearched(node: ShardNode, wasListed: boolean): void
  /** Whether records of a shard are in the buffer. */
  hasBuffered(node: ShardNode): boolean
  /** Whether some shard is being read. */
  isReading(): boolean
  /** Since when the consumer has been asking for records without a break (monotonic ms). */
  presentSince(): number
  /** A call failed, and is not made again before {@link Discovery.resume}. */
  onFailed(error: unknown): void
  /** A caller that waits may proceed, or something else is to be started. */
  onChanged(): void
}

/**
 * Finds out what becomes of shards that were read to their end: whether they are closed, and which children they have.
 * DescribeStream lags behind and is limited, so one listing serves all that wait, a few shards of a large stream are looked
 * up by their children, and what stays hidden is looked for again: at first in quick succession, then at every periodic
 * listing.
 *
 * @internal
 */
export class Discovery {
  readonly #context: ListingContext
  readonly #forest: ShardForest
  readonly #intervalMs: number
  readonly #listener: DiscoveryListener
  readonly #searches = new Map<ShardNode, Search>()
  /** Shards whose children were not looked for yet. */
  readonly #firstLooks = new Set<ShardNode>()
  /** DescribeStream fails. */
  #failureStreak: FailureStreak | undefined
  #isRunning = false
  /** A failure was reported, and the consumer has not come back since. */
  #isSuspended = false
  #listingDueAt: number
  /** How often in a row a complete listing lacked a hidden parent. */
  #hiddenAttempts = 0
  /** When a listing first said DISABLED (monotonic ms). */
  #disabledAt: number | undefined
  /** A listing that started long enough after that has shown nothing new. */
  #isOver = false

  constructor(context: ListingContext, forest: ShardForest, intervalMs: number, listener: DiscoveryListener) {
    this.#context = {
      ...context,
      onRetry: (retry) => {
        this.#noteFailure()
        context.onRetry(retry)
      },
    }
    this.#forest = forest
    this.#intervalMs = intervalMs
    this.#listener = listener
    this.#listingDueAt = this.#now() + intervalMs
  }

  /** Whether the stream is disabled, and no shard will turn up any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Whether a record before `time` (ms) may be in a child that is being looked for the first time. Not in one whose parent
   * has records in the buffer, as those come first.
   */
  mayPrecede(time: number): boolean {
    if (!this.#isFirstLookAwaited) return false
    for (const node of this.#firstLooks) {
      if (node.reachedTime < time && !this.#listener.hasBuffered(node)) return true
    }
    return false
  }

  /** Whether "nothing new" has to wait for a listing. */
  get isAwaited(): boolean {
    return this.#disabledAt === undefined ? this.#isFirstLookAwaited : !this.#isOver
  }

  get #isFirstLookAwaited(): boolean {
    if (this.#firstLooks.size === 0) return false
    return this.#failureStreak === undefined || streakMs(this.#failureStreak) < STALLED_AFTER_MS
  }

  /** When it has something to do next (monotonic ms). */
  get nextDueAt(): number {
    if (this.#isRunning || this.#isSuspended) return Number.POSITIVE_INFINITY
    let dueAt = this.#listingDueAt
    // Asked for each record: without searches, not even an iterator is made.
    if (this.#searches.size === 0) return dueAt
    for (const search of this.#searches.values()) dueAt = Math.min(dueAt, search.dueAt)
    return dueAt
  }

  /** Looks for the children of a shard, and whether it is closed, until `stopSearch`. */
  search(node: ShardNode, isFirstLook: boolean): void {
    if (this.#searches.has(node)) return
    this.#searches.set(node, { attempts: 0, dueAt: 0 })
    if (isFirstLook) this.#firstLooks.add(node)
  }

  stopSearch(node: ShardNode): void {
    this.#searches.delete(node)
    this.#firstLooks.delete(node)
  }

  /** Reading has started after the first listing: from now on there are shards to read, or there are none. */
  start(): void {
    this.#planNextListing(this.#now(), 0)
  }

  /** The consumer has seen the failure, and has come back. */
  resume(): void {
    this.#isSuspended = false
  }

  /** Starts what is due, unless something is in flight. */
  run(now: number): void {
    if (now < this.nextDueAt) return
    this.#isRunning = true
    confirmNotFound(this.#context, () => this.#runDue(now))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#isRunning = false
        this.#listener.onChanged()
      })
  }

  /** Lists all shards. Returns when the first page was requested (monotonic ms), by the call that was answered. */
  async listAll(): Promise<number> {
    const searched = [...this.#searches.keys()]
    const firstAttemptAt = this.#now()
    const number = this.#forest.startListing()
    const knownBefore = this.#forest.size
    let status: StreamStatus | undefined
    // Its first page may take several calls: only the one that is answered counts.
    let startedAt: number | undefined
    for await (const page of listAllShards(this.#context)) {
      startedAt ??= page.calledAt
      this.#merge(page)
      status = page.status
    }
    startedAt ??= firstAttemptAt
    const now = this.#now()
    // Not before the last page: shards that are still to be read may be on it.
    if (status === 'DISABLED') this.#listedAsDisabled(startedAt, now, this.#forest.size > knownBefore)
    this.#forest.completeListing({ number, startedAt }, this.#context.serviceClock.now(), now)
    this.#forest.forgetMissingSince(startedAt - REMEMBER_MISSING_MS)
    this.#listener.onListed()
    for (const node of searched) this.#afterAttempt(node, now, true)
    this.#planNextListing(now, Math.min(now - firstAttemptAt, LONGEST_LISTING_MS))
    return startedAt
  }

  #now(): number {
    return this.#context.clock.monotonic()
  }

  /** @param tookMs - how long the last listing took. */
  #planNextListing(now: number, tookMs: number): void {
    this.#hiddenAttempts = this.#forest.hiddenParents.size > 0 ? this.#hiddenAttempts + 1 : 0
    this.#listingDueAt = now + Math.min(this.#intervalUntilNextMs(tookMs), this.#hiddenPauseMs(tookMs))
  }

  #intervalUntilNextMs(tookMs: number): number {
    if (this.#disabledAt !== undefined && !this.#isOver) return LAST_LISTING_AFTER_MS
    return this.#listener.isReading()
      ? this.#intervalMs
      : Math.min(Math.max(NOTHING_TO_READ_INTERVAL_MS, tookMs), this.#intervalMs)
  }

  /** A hidden parent is looked for quickly, but half of the time is left to other listings. */
  #hiddenPauseMs(tookMs: number): number {
    if (this.#hiddenAttempts === 0) return Number.POSITIVE_INFINITY
    const pauseMs = 50 * 2 ** Math.min(20, this.#hiddenAttempts)
    return Math.max(tookMs, Math.min(LONGEST_HIDDEN_PAUSE_MS, pauseMs))
  }

  #listedAsDisabled(startedAt: number, now: number, hasGrown: boolean): void {
    this.#forest.closeAll()
    if (this.#disabledAt === undefined || hasGrown) this.#disabledAt = now
    else {
      const waitMs = this.#forest.size === 0 ? NO_SHARDS_BELIEVED_AFTER_MS : LAST_LISTING_AFTER_MS
      this.#isOver = startedAt >= this.#disabledAt + waitMs
    }
  }

  async #runDue(now: number): Promise<void> {
    const due = [...this.#searches].filter(([, search]) => search.dueAt <= now).map(([node]) => node)
    if (now >= this.#listingDueAt || !this.#isCheaperOneByOne(due)) return void (await this.listAll())
    for (const node of due) if (this.#searches.has(node)) await this.#listChildren(node)
  }

  /** Whether to look up children rather than to list everything, which shows more. */
  #isCheaperOneByOne(nodes: readonly ShardNode[]): boolean {
    if (nodes.length >= Math.ceil(this.#forest.size / SHARDS_PER_PAGE)) return false
    return nodes.every((node) => {
      // An empty response does not say whether a shard is closed, so the last attempt lists everything.
      const attempts = this.#searches.get(node)?.attempts ?? 0
      return node.hasEnded || attempts < QUICK_ATTEMPTS - 1
    })
  }

  async #listChildren(node: ShardNode): Promise<void> {
    try {
      this.#merge(await listShardPage(this.#context, { childrenOf: node.shardId }))
    } catch (error) {
      const kind = classifyError(error)
      if (kind !== 'fatal' && kind !== 'notFound') throw error
      // An emulator may reject the filter; what was not found may be the shard or the stream. A listing shows which.
      await this.listAll()
      return
    }
    this.#afterAttempt(node, this.#now(), false)
  }

  #merge(page: ShardPage): void {
    this.#failureStreak = undefined
    const fresh = this.#forest.merge(page.shards)
    if (fresh.length === 0) return
    this.#listener.onShards(fresh)
    // Also for a search that started after this listing: it must not lead to another one.
    for (const child of fresh) {
      const parent = this.#forest.parentOf(child)
      if (parent && this.#searches.has(parent)) this.#listener.onSearched(parent, false)
    }
  }

  #afterAttempt(node: ShardNode, now: number, wasListed: boolean): void {
    const search = this.#searches.get(node)
    if (!search) return
    this.#firstLooks.delete(node)
    search.attempts++
    search.dueAt =
      search.attempts < QUICK_ATTEMPTS ? now + this.#pauseMs(search.attempts) : Number.POSITIVE_INFINITY
    // What is still to come of a disabled stream, its last listing shows.
    if (this.#disabledAt !== undefined && (wasListed || node.hasEnded)) this.#searches.delete(node)
    this.#listener.onSearched(node, wasListed)
  }

  /** 50 ms and up to 1 s, plus or minus 20 %: the figures of AWS's own adapter for the Kinesis Client Library. */
  #pauseMs(attempts: number): number {
    return Math.round(Math.min(1_000, 50 * 2 ** (attempts - 1)) * (0.8 + 0.4 * this.#context.random()))
  }

  #noteFailure(): void {
    this.#failureStreak = extendStreak(this.#failureStreak, this.#now(), this.#listener.presentSince())
    this.#listener.onChanged()
  }

  /** The position is unaffected: the same is tried again later. */
  #failed(error: unknown): void {
    if (this.#context.signal.aborted) return
    this.#noteFailure()
    this.#isSuspended = true
    this.#listingDueAt = 0
    this.#listener.onFailed(error)
  }
}
