import { shardCreatedAt } from '../position/shard-id.ts'
import type { ShardDescription } from '../streams-api/streams-api.ts'
import { RETENTION_MS } from './retention.ts'
import { ShardNode } from './shard.ts'

/**
 * How long a child waits for a parent that no listing shows, in ms. A parent younger than the retention
 * cannot have been trimmed: the listing lags behind and hides it. After this time the child is read without
 * its parent.
 */
export const HIDDEN_PARENT_WAIT_MS: number = 300_000

/** A listing of all shards. */
export interface Listing {
  readonly number: number
  /** When its first page was requested (monotonic ms): what it shows may be that old. */
  readonly startedAt: number
}

/** The parent of a known shard that is not in the forest itself: trimmed, not listed yet, or removed. */
export interface MissingParent {
  readonly shardId: string
  readonly children: Set<ShardNode>
  /** When the shard was created (ms), according to its id; undefined if the id contains no time. */
  readonly createdAt: number | undefined
  state: /** Trimmed, or no listing has completed since it became known. */
    | 'unlisted'
    /** Too young to have been trimmed: a listing lags behind. */
    | 'hidden'
    /** Hidden for {@link HIDDEN_PARENT_WAIT_MS}: its children are read without it. */
    | 'timedOut'
    /** Read to its end before it was removed from the forest. */
    | 'read'
  /** Since when complete listings have lacked it although it is young (monotonic ms). */
  hiddenSince: number | undefined
}

/**
 * The forest of shards, assembled from listings that may be late, partial, out of order or contradictory.
 * A shard is linked to its parent once both are known. It is open until a listing shows that it is closed,
 * and then stays closed. It is missing while complete listings lack it after an earlier one showed it.
 *
 * @internal
 */
export class ShardForest {
  readonly #nodes = new Map<string, ShardNode>()
  readonly #missing = new Map<string, MissingParent>()
  readonly #hidden = new Set<MissingParent>()
  #listings = 0
  #nextOrdinal = 0

  get size(): number {
    return this.#nodes.size
  }

  get(shardId: string): ShardNode | undefined {
    return this.#nodes.get(shardId)
  }

  nodes(): IterableIterator<ShardNode> {
    return this.#nodes.values()
  }

  parentOf(node: ShardNode): ShardNode | undefined {
    return node.parentId === undefined ? undefined : this.#nodes.get(node.parentId)
  }

  /** The known ancestors of a shard, nearest first. */
  *ancestors(node: ShardNode): Generator<ShardNode, void, void> {
    for (let at = this.parentOf(node); at; at = this.parentOf(at)) yield at
  }

  /** The ids of the ancestors of a shard, up to the first one that is not in the forest. */
  *ancestorIds(shardId: string): Generator<string, void, void> {
    for (let at = this.#nodes.get(shardId)?.parentId; at !== undefined; at = this.#nodes.get(at)?.parentId) {
      yield at
    }
  }

  /** The oldest known ancestor of a shard, or the shard itself if its parent is not known. */
  rootOf(node: ShardNode): ShardNode {
    let root = node
    for (const ancestor of this.ancestors(node)) root = ancestor
    return root
  }

  /** The shards with no known parent. */
  roots(): ShardNode[] {
    return [...this.#nodes.values()].filter((node) => !this.parentOf(node))
  }

  /** The shard's parent if it is not in the forest; undefined if it is, or if the shard has no parent. */
  missingParentOf(node: ShardNode): MissingParent | undefined {
    return node.parentId === undefined ? undefined : this.#missing.get(node.parentId)
  }

  /** The number of parents of known shards that are not in the forest. */
  get missingParents(): number {
    return this.#missing.size
  }

  /**
   * The missing parents that are too young to have been trimmed, so the listing must be lagging behind. A
   * parent is added when a complete listing lacks it. It is removed when a listing shows it, when it is older
   * than the retention, or when a listing that started {@link HIDDEN_PARENT_WAIT_MS} after the end of the
   * first one still lacks it.
   */
  get hiddenParents(): ReadonlySet<MissingParent> {
    return this.#hidden
  }

  /** Returns the shard with this id, created if it is not known, and linked to its parent. */
  ensure(shardId: string, parentId: string | undefined): ShardNode {
    const known = this.#nodes.get(shardId)
    if (known) {
      if (known.parentId === undefined && parentId !== undefined) this.#link(known, parentId)
      return known
    }
    const node = new ShardNode(shardId, this.#nextOrdinal++)
    this.#nodes.set(shardId, node)
    const missing = this.#missing.get(shardId)
    if (missing) {
      for (const child of missing.children) node.children.push(child)
      this.#removeMissing(missing)
    }
    if (parentId !== undefined) this.#link(node, parentId)
    return node
  }

  /** Starts a listing of all shards. Returns its number. */
  startListing(): number {
    return ++this.#listings
  }

  /** Merges a page of a listing into the forest. Returns the shards that were not known before. */
  merge(descriptions: readonly ShardDescription[]): ShardNode[] {
    const fresh: ShardNode[] = []
    for (const description of descriptions) {
      const isKnown = this.#nodes.has(description.shardId)
      const node = this.ensure(description.shardId, description.parentShardId)
      // A listing that lags behind may show a closed shard as open again; it stays closed.
      if (description.endingSequenceNumber !== undefined) node.closed = true
      node.startingSequenceNumber ??= description.startingSequenceNumber
      node.seenInListing = Math.max(1, this.#listings)
      node.missingSince = undefined
      node.expired = false
      if (!isKnown) fresh.push(node)
    }
    return fresh
  }

  /**
   * Ends a listing, after its last page: records which shards and parents it lacks.
   *
   * @param serviceNow - the service's time (ms).
   * @param now - monotonic ms.
   */
  completeListing(listing: Listing, serviceNow: number, now: number): void {
    for (const node of this.#nodes.values()) {
      if (node.seenInListing >= listing.number) continue
      const { createdAt } = node
      node.expired = createdAt === undefined || createdAt <= serviceNow - RETENTION_MS
      if (node.seenInListing > 0) node.missingSince ??= now
    }
    this.updateHiddenParents(listing.startedAt, now, serviceNow)
  }

  /**
   * Updates the states of missing parents after a complete listing that lasted from `startedAt` to `endedAt`
   * (monotonic ms). A parent that was too young to have been trimmed when the listing started was hidden, no
   * matter how late the listing completed.
   */
  updateHiddenParents(startedAt: number, endedAt: number, serviceNow: number): void {
    const trimmedBefore = serviceNow - (endedAt - startedAt) - RETENTION_MS
    for (const missing of this.#missing.values()) {
      const { createdAt, state } = missing
      if (state === 'read' || state === 'timedOut') continue
      // An old parent that is not listed was trimmed. One whose id contains no time counts as old.
      const isYoung = createdAt !== undefined && createdAt >= trimmedBefore
      if (isYoung) missing.hiddenSince ??= endedAt
      const hasTimedOut = startedAt >= (missing.hiddenSince ?? endedAt) + HIDDEN_PARENT_WAIT_MS
      missing.state = !isYoung ? 'unlisted' : hasTimedOut ? 'timedOut' : 'hidden'
      if (missing.state === 'hidden') this.#hidden.add(missing)
      else this.#hidden.delete(missing)
    }
  }

  /** Closes all shards, because the stream is disabled. Listings that lag behind may still show open ones. */
  closeAll(): void {
    for (const node of this.#nodes.values()) node.closed = true
  }

  /**
   * Removes the finished shards that have been missing from listings since before `time` (monotonic ms).
   * Others are kept, because a later listing may show them again.
   */
  forgetMissingSince(time: number): void {
    for (const node of this.#nodes.values()) {
      if (node.state !== 'finished' || node.ledger.hasUnsettled) continue
      // A leaf that is listed again would be read again: only its own state shows that it was read.
      if (!node.expired && node.children.length === 0) continue
      if (node.missingSince === undefined || node.missingSince >= time) continue
      this.#forget(node)
    }
  }

  #forget(node: ShardNode): void {
    this.#nodes.delete(node.shardId)
    if (node.children.length > 0) {
      const missing = this.#addMissing(node.shardId)
      missing.state = 'read'
      for (const child of node.children) missing.children.add(child)
    }
    const siblings = this.parentOf(node)?.children
    siblings?.splice(siblings.indexOf(node), 1)
    const missingParent = this.missingParentOf(node)
    missingParent?.children.delete(node)
    if (missingParent?.children.size === 0) this.#removeMissing(missingParent)
  }

  #link(node: ShardNode, parentId: string): void {
    // A shard whose parent is itself, or one of its descendants, would wait for itself forever.
    if (this.#descendsFrom(parentId, node)) return
    node.parentId = parentId
    const parent = this.#nodes.get(parentId)
    if (parent) parent.children.push(node)
    else this.#addMissing(parentId).children.add(node)
  }

  #addMissing(shardId: string): MissingParent {
    const known = this.#missing.get(shardId)
    if (known) return known
    const createdAt = shardCreatedAt(shardId)
    const missing: MissingParent = {
      shardId,
      children: new Set(),
      createdAt,
      state: 'unlisted',
      hiddenSince: undefined,
    }
    this.#missing.set(shardId, missing)
    return missing
  }

  #removeMissing(missing: MissingParent): void {
    this.#missing.delete(missing.shardId)
    this.#hidden.delete(missing)
  }

  #descendsFrom(shardId: string, node: ShardNode): boolean {
    // A shard without children has no descendants. This avoids walking up a long chain for each new leaf.
    if (node.children.length === 0) return shardId === node.shardId
    let at: string | undefined = shardId
    for (let step = 0; at !== undefined && step <= this.#nodes.size; step++) {
      if (at === node.shardId) return true
      at = this.#nodes.get(at)?.parentId
    }
    return false
  }
}
