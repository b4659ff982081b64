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

/** DescribeStream returns at most this many shards per page (API reference). */
const SHARDS_PER_PAGE = 100

/** How many times the children of a shard are looked up at short intervals, before the periodic listings. */
const QUICK_ATTEMPTS = 10

/** The longest pause between listings while a parent is hidden, in ms. */
const LONGEST_HIDDEN_PAUSE_MS = 10_000

/**
 * How long after the first listing with status DISABLED all shards are listed once more, in ms. A shard may
 * have been rolled over just before the stream was disabled, and such a listing can lag behind like any
 * other.
 */
const LAST_LISTING_AFTER_MS = 1_500

/**
 * How long a listing of a disabled stream without any shard is not trusted, in ms: every stream has shards.
 */
const NO_SHARDS_BELIEVED_AFTER_MS = 10_000

/** How often all shards are listed while there is nothing to read (the stream is being enabled), in ms. */
const NOTHING_TO_READ_INTERVAL_MS = 2_000

/**
 * How long finished shards that are no longer listed are remembered, in ms: a listing may show them again.
 */
const REMEMBER_MISSING_MS = 3_600_000

/**
 * The longest time that a listing is assumed to take, in ms. If one took longer, the process was suspended in
 * between, and the pause before the next listing must not be that long.
 */
const LONGEST_LISTING_MS = 60_000

interface Search {
  attempts: number
  /** Monotonic ms. */
  dueAt: number
}

export interface DiscoveryListener {
  /** A page was merged into the forest; these shards are new. */
  onShards(fresh: readonly ShardNode[]): void
  /** All shards were listed. */
  onListed(): void
  /** All shards were listed, or only the children of this one if `wasListed` is false. */
  onSearched(node: ShardNode, wasListed: boolean): void
  /** Whether records of a shard are buffered. */
  hasBuffered(node: ShardNode): boolean
  /** Whether any shard is being read. */
  isReading(): boolean
  /** Since when the consumer has been requesting records without a break (monotonic ms). */
  presentSince(): number
  /** A call failed. No further call is made before {@link Discovery.resume}. */
  onFailed(error: unknown): void
  /** A waiting caller may be able to proceed, or another call can be started. */
  onChanged(): void
}

/**
 * Lists shards, to find out whether those that were read to their end are closed and have children.
 *
 * DescribeStream lags behind and is rate limited. Therefore one listing serves all shards that wait, the
 * children of a few shards of a large stream are looked up individually, and shards that stay hidden are
 * looked for again: in quick succession at first, then with every periodic listing.
 *
 * @internal
 */
export class Discovery {
  readonly #context: ListingContext
  readonly #forest: ShardForest
  readonly #intervalMs: number
  readonly #listener: DiscoveryListener
  readonly #searches = new Map<ShardNode, Search>()
  /** Shards whose children have not been looked up yet. */
  readonly #firstLooks = new Set<ShardNode>()
  /** The consecutive failures of DescribeStream. */
  #failureStreak: FailureStreak | undefined
  #isRunning = false
  /** Whether a failure was reported, and the consumer has not requested a record since. */
  #isSuspended = false
  #listingDueAt: number
  /** How many consecutive listings lacked a hidden parent. */
  #hiddenAttempts = 0
  /** When a listing first had the status DISABLED, or last showed new shards after that (monotonic ms). */
  #disabledAt: number | undefined
  /** Whether a listing that started long enough after that showed nothing new. */
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

  /** Whether the stream is disabled and all of its shards are known. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Whether a record before `time` (ms) may be in a child that is being looked up for the first time. If the
   * parent has buffered records, the child need not be waited for, because those come first.
   */
  mayPrecede(time: number): boolean {
    if (!this.#isFirstLookAwaited) return false
    for (const node of this.#firstLooks) {
      if (node.reachedTime < time && !this.#listener.hasBuffered(node)) return true
    }
    return false
  }

  /** Whether a caller has to wait for a listing, because it may show shards with new records. */
  get isAwaited(): boolean {
    return this.#disabledAt === undefined ? this.#isFirstLookAwaited : !this.#isOver
  }

  get #isFirstLookAwaited(): boolean {
    if (this.#firstLooks.size === 0) return false
    return this.#failureStreak === undefined || streakMs(this.#failureStreak) < STALLED_AFTER_MS
  }

  /** When the next call is due (monotonic ms). */
  get nextDueAt(): number {
    if (this.#isRunning || this.#isSuspended) return Number.POSITIVE_INFINITY
    let dueAt = this.#listingDueAt
    // Read for each record: without searches, not even an iterator is allocated.
    if (this.#searches.size === 0) return dueAt
    for (const search of this.#searches.values()) dueAt = Math.min(dueAt, search.dueAt)
    return dueAt
  }

  /** Looks up the children of a shard, and whether it is closed, until `stopSearch` is called. */
  search(node: ShardNode, isFirstLook: boolean): void {
    if (this.#searches.has(node)) return
    this.#searches.set(node, { attempts: 0, dueAt: 0 })
    if (isFirstLook) this.#firstLooks.add(node)
  }

  stopSearch(node: ShardNode): void {
    this.#searches.delete(node)
    this.#firstLooks.delete(node)
  }

  /** Schedules the next listing. Called when reading starts, after the first listing. */
  start(): void {
    this.#planNextListing(this.#now(), 0)
  }

  /** Continues after a failure was thrown, because the consumer has requested a record again. */
  resume(): void {
    this.#isSuspended = false
  }

  /** Starts the calls that are due, unless one is in flight. */
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

  /**
   * Lists all shards. Returns when the first page was requested (monotonic ms), by the call that succeeded.
   */
  async listAll(): Promise<number> {
    const searched = [...this.#searches.keys()]
    const firstAttemptAt = this.#now()
    const number = this.#forest.startListing()
    const knownBefore = this.#forest.size
    let status: StreamStatus | undefined
    // The first page may take several calls: only the one that succeeds counts.
    let startedAt: number | undefined
    for await (const page of listAllShards(this.#context)) {
      startedAt ??= page.calledAt
      this.#merge(page)
      status = page.status
    }
    startedAt ??= firstAttemptAt
    const now = this.#now()
    // Only after the last page: it may contain shards that have not been read.
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

  /** A hidden parent is looked for at short intervals, but half of the time is left for other calls. */
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

  /** Whether to look up the children of each shard, rather than to list all shards, which shows more. */
  #isCheaperOneByOne(nodes: readonly ShardNode[]): boolean {
    if (nodes.length >= Math.ceil(this.#forest.size / SHARDS_PER_PAGE)) return false
    return nodes.every((node) => {
      // An empty response does not show whether a shard is closed, so the last attempt lists all shards.
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
      // The endpoint rejects the shard filter, or does not know the shard or stream: a listing shows which.
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
    // This also ends searches that were started during this listing, so that they do not cause another one.
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
    // The last listing of a disabled stream shows all children that are still missing.
    if (this.#disabledAt !== undefined && (wasListed || node.hasEnded)) this.#searches.delete(node)
    this.#listener.onSearched(node, wasListed)
  }

  /** From 50 ms to 1 s, plus or minus 20 %, as in AWS's DynamoDB Streams adapter for the KCL. */
  #pauseMs(attempts: number): number {
    return Math.round(Math.min(1_000, 50 * 2 ** (attempts - 1)) * (0.8 + 0.4 * this.#context.random()))
  }

  #noteFailure(): void {
    this.#failureStreak = extendStreak(this.#failureStreak, this.#now(), this.#listener.presentSince())
    this.#listener.onChanged()
  }

  /**
   * Handles an error that a retry does not fix. The position is unaffected; all shards are listed again
   * later.
   */
  #failed(error: unknown): void {
    if (this.#context.signal.aborted) return
    this.#noteFailure()
    this.#isSuspended = true
    this.#listingDueAt = 0
    this.#listener.onFailed(error)
  }
}
