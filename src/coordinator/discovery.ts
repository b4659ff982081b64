import type { Lineage } from '../shards/lineage.ts'
import type { ShardNode } from '../shards/shard.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { type ListingContext, listAllShards, listShardPage } from '../streams-api/list-all-shards.ts'
import type { ShardPage, StreamStatus } from '../streams-api/streams-api.ts'

/** Up to so many shards, one page of DescribeStream shows them all (API reference: at most 100 a page). */
const ONE_PAGE = 100

/** With more shards than this in search of children, one listing of all is cheaper than asking for each. */
const MOST_ASKED_FOR_ONE_BY_ONE = 3

/** How often the children of a shard are asked for at short intervals; then the periodic listing must do. */
const QUICK_ATTEMPTS = 10

/**
 * How long after a listing that said DISABLED everything is listed once more, in ms. The stream may have rolled right
 * before it was switched off, and a listing does not lag less because it says DISABLED.
 */
const LAST_LISTING_AFTER_MS = 1_500

/** After how many answers without children CHILD_SHARDS is not believed, and everything is listed. */
const EMPTY_ANSWERS_BELIEVED = 2

/** How often all shards are listed while there is none to read (a stream that is being enabled), in ms. */
const NOTHING_TO_READ_INTERVAL_MS = 2_000

interface Search {
  /** Whether a caller should wait for the first answer: something may come after the shard. */
  readonly isAwaited: boolean
  attempt: number
  dueAt: number
}

/** What the discovery tells the reader of the forest. */
export interface DiscoveryListener {
  /** A page was merged into the lineage; these shards were not known. */
  shardsSeen(fresh: readonly ShardNode[]): void
  /** All shards were listed; these were listed before and are not any more. */
  listingComplete(vanished: readonly ShardNode[]): void
  /** Everything was listed, or (not `wasListed`) only the children of this shard were asked for: look at it again. */
  searched(node: ShardNode, wasListed: boolean): void
  /** Whether some shard is being read. */
  isReading(): boolean
  /** A call failed for good. */
  failed(error: unknown): void
  /** What was under way is done. */
  rested(): void
}

/**
 * Finds out what becomes of shards that were read to their end: whether they are closed, and which children go on from
 * them. DescribeStream lags behind and is limited, so one listing serves all that wait, a few shards are asked for
 * one by one, and what stays hidden is asked for again, at first in quick succession and then at every periodic listing.
 *
 * @internal
 */
export class Discovery {
  readonly #context: ListingContext
  readonly #lineage: Lineage
  readonly #intervalMs: number
  readonly #listener: DiscoveryListener
  readonly #searches = new Map<ShardNode, Search>()
  #running = false
  #listingDueAt: number
  #childFilterWorks = true
  /** When a listing first said DISABLED (ms). */
  #disabledAt: number | undefined
  /** A listing that began long enough after that has shown nothing new. */
  #isOver = false

  constructor(context: ListingContext, lineage: Lineage, intervalMs: number, listener: DiscoveryListener) {
    this.#context = context
    this.#lineage = lineage
    this.#intervalMs = intervalMs
    this.#listener = listener
    this.#listingDueAt = context.clock.now() + intervalMs
  }

  /** Whether the stream was switched off, and no shard will turn up any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether an answer is to be waited for: what comes after a shard may be there already. */
  get isAwaited(): boolean {
    if (this.#disabledAt !== undefined) return !this.#isOver
    for (const { attempt, isAwaited } of this.#searches.values()) if (isAwaited && attempt === 0) return true
    return false
  }

  /** When it has something to do next (ms). */
  get nextDueAt(): number {
    if (this.#running) return Number.POSITIVE_INFINITY
    let dueAt = this.#listingDueAt
    for (const search of this.#searches.values()) dueAt = Math.min(dueAt, search.dueAt)
    return dueAt
  }

  /** Asks for the children of a shard, and whether it is closed, until `stopSearch`. */
  search(node: ShardNode, isAwaited: boolean): void {
    if (!this.#searches.has(node)) this.#searches.set(node, { isAwaited, attempt: 0, dueAt: 0 })
  }

  stopSearch(node: ShardNode): void {
    this.#searches.delete(node)
  }

  /** Reading has begun after the first listing: from now on there are shards to read, or there are none. */
  begun(): void {
    this.#listingDueAt = this.#context.clock.now() + this.#untilNextListingMs()
  }

  /** Makes the next listing come now. */
  listSoon(): void {
    this.#listingDueAt = 0
  }

  /** Begins what is due, if it is not under way. */
  kick(now: number): void {
    if (this.#running || now < this.nextDueAt) return
    this.#running = true
    this.#run(now)
      .catch((error) => {
        // Try again at the next occasion: the position stands as it was.
        this.#listingDueAt = this.#context.clock.now() + this.#intervalMs
        if (!this.#context.signal.aborted) this.#listener.failed(error)
      })
      .finally(() => {
        this.#running = false
        this.#listener.rested()
      })
  }

  /** Lists all shards, for the first time or again. */
  async listAll(onPage: (page: ShardPage) => void = () => {}): Promise<void> {
    const searched = [...this.#searches.keys()]
    const number = this.#lineage.beginListing()
    const begun = this.#context.clock.now()
    const known = this.#lineage.size
    let status: StreamStatus | undefined
    for await (const page of listAllShards(this.#context)) {
      onPage(page)
      this.#take(page)
      status = page.status
    }
    const now = this.#context.clock.now()
    // Not before the last page: shards that are still to be read may be on it.
    if (status === 'DISABLED') this.#listedAsDisabled(begun, now, this.#lineage.size > known)
    this.#listener.listingComplete(this.#lineage.completeListing(number, now))
    for (const node of searched) this.#afterAttempt(node, now, true)
    this.#listingDueAt = now + this.#untilNextListingMs()
  }

  #untilNextListingMs(): number {
    if (this.#disabledAt !== undefined && !this.#isOver) return LAST_LISTING_AFTER_MS
    return this.#listener.isReading()
      ? this.#intervalMs
      : Math.min(NOTHING_TO_READ_INTERVAL_MS, this.#intervalMs)
  }

  #listedAsDisabled(begun: number, now: number, hasGrown: boolean): void {
    this.#lineage.closeAll()
    if (this.#disabledAt === undefined || hasGrown) this.#disabledAt = now
    else this.#isOver = begun >= this.#disabledAt + LAST_LISTING_AFTER_MS
  }

  async #run(now: number): Promise<void> {
    const due = [...this.#searches].filter(([, search]) => search.dueAt <= now).map(([node]) => node)
    if (now >= this.#listingDueAt || !this.#canAskOneByOne(due)) return this.listAll()
    for (const node of due) {
      if (!this.#searches.has(node)) continue
      await this.#askForChildren(node)
    }
  }

  #canAskOneByOne(nodes: readonly ShardNode[]): boolean {
    return (
      this.#childFilterWorks &&
      this.#lineage.size > ONE_PAGE &&
      nodes.length <= MOST_ASKED_FOR_ONE_BY_ONE &&
      nodes.every((node) => (this.#searches.get(node)?.attempt ?? 0) < EMPTY_ANSWERS_BELIEVED)
    )
  }

  async #askForChildren(node: ShardNode): Promise<void> {
    try {
      const page = await listShardPage(this.#context, { childrenOf: node.shardId })
      // An emulator that ignores the filter lists all shards: true as well, but no answer to the question.
      if (page.shards.some((shard) => shard.parentShardId !== node.shardId)) this.#childFilterWorks = false
      this.#take(page)
      this.#afterAttempt(node, this.#context.clock.now(), false)
    } catch (error) {
      const kind = classifyError(error)
      if (kind !== 'fatal' && kind !== 'notFound') throw error
      // An emulator that does not know the filter refuses it. What was not found may be the shard or the stream, and
      // the listing that comes next tells which.
      if (kind === 'fatal') this.#childFilterWorks = false
      const search = this.#searches.get(node)
      if (search) search.attempt = Math.max(search.attempt, EMPTY_ANSWERS_BELIEVED)
    }
  }

  #take(page: ShardPage): void {
    const fresh = this.#lineage.merge(page.shards)
    if (fresh.length === 0) return
    this.#listener.shardsSeen(fresh)
    // Also of a search that began after this listing: it must not lead to another one.
    for (const child of fresh) {
      const parent = this.#lineage.parentOf(child)
      if (parent && this.#searches.has(parent)) this.#listener.searched(parent, false)
    }
  }

  #afterAttempt(node: ShardNode, now: number, wasListed: boolean): void {
    const search = this.#searches.get(node)
    if (!search) return
    search.attempt++
    search.dueAt =
      search.attempt < QUICK_ATTEMPTS ? now + this.#pauseMs(search.attempt) : Number.POSITIVE_INFINITY
    // What is still to come of a disabled stream, its last listing shows.
    if (this.#disabledAt !== undefined) this.#searches.delete(node)
    this.#listener.searched(node, wasListed)
  }

  /** 50 ms and up to 1 s, give or take a fifth: the figures of AWS's own adapter for the Kinesis Client Library. */
  #pauseMs(attempt: number): number {
    return Math.round(Math.min(1_000, 50 * 2 ** (attempt - 1)) * (0.8 + 0.4 * this.#context.random()))
  }
}
