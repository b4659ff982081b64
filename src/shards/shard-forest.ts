import { shardCreatedAt } from '../position/shard-id.ts'
import type { ShardDescription } from '../streams-api/streams-api.ts'
import { RETENTION_MS } from './retention.ts'
import { ShardNode } from './shard.ts'

/**
 * How long a child waits for a parent that it names and no listing shows, in ms. A parent younger than the retention
 * is hidden by a listing that lags behind, not trimmed; after this time the child is read without it.
 */
export const HIDDEN_PARENT_WAIT_MS: number = 300_000

/** A listing of all shards: its number, and when its first page was requested (monotonic ms). What it shows may be as old as that. */
export interface Listing {
  readonly number: number
  readonly startedAt: number
}

/** A shard that is named as a parent and is not known itself. */
export interface MissingParent {
  readonly shardId: string
  readonly children: Set<ShardNode>
  /** When the shard was created (ms), as its id says; undefined for an id that contains no time. */
  readonly createdAt: number | undefined
  state: /** Not judged by a complete listing yet, or trimmed. */
    | 'unlisted'
    /** Too young to have been trimmed: a listing lags behind. */
    | 'hidden'
    /** Hidden for so long that its children are read without it. */
    | 'timedOut'
    /** It was known and read to its end before it was forgotten. */
    | 'read'
  /** When the first listing was complete that lacked it while it was young (monotonic ms). */
  hiddenSince: number | undefined
}

/**
 * The forest of shards, put together from listings that may be late, partial, in any order and contradictory. It
 * only ever learns: a shard is linked to its parent when both are known, is open until a listing says otherwise, and
 * is missing when a complete listing lacks it after an earlier one had it.
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

  /** The parent, its parent, and so on, as far as they are known. */
  *ancestors(node: ShardNode): Generator<ShardNode, void, void> {
    for (let at = this.parentOf(node); at; at = this.parentOf(at)) yield at
  }

  /** The oldest known ancestor; the shard itself, if its parent is not known. */
  rootOf(node: ShardNode): ShardNode {
    let root = node
    for (const ancestor of this.ancestors(node)) root = ancestor
    return root
  }

  /** The shards with no known parent. */
  roots(): ShardNode[] {
    return [...this.#nodes.values()].filter((node) => !this.parentOf(node))
  }

  /** The parent that a shard names and that is not known; undefined if there is none. */
  missingParentOf(node: ShardNode): MissingParent | undefined {
    return node.parentId === undefined ? undefined : this.#missing.get(node.parentId)
  }

  /** How many parents are named by known shards and are not known themselves. */
  get missingParents(): number {
    return this.#missing.size
  }

  /**
   * The missing parents that are too young to have been trimmed, so that a listing must be lagging behind. A parent enters
   * when a complete listing lacks it, and leaves when a listing shows it, when it is older than the retention, or when
   * it is missing from a listing that started {@link HIDDEN_PARENT_WAIT_MS} after the first one.
   */
  get hiddenParents(): ReadonlySet<MissingParent> {
    return this.#hidden
  }

  /** The shard of that id, created if need be. */
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

  /** Merges a page of a listing. Returns the shards that were not known before. */
  merge(descriptions: readonly ShardDescription[]): ShardNode[] {
    const fresh: ShardNode[] = []
    for (const description of descriptions) {
      const isKnown = this.#nodes.has(description.shardId)
      const node = this.ensure(description.shardId, description.parentShardId)
      // A listing that lags behind may show a closed shard as open: it stays closed.
      if (description.endingSequenceNumber !== undefined) node.closed = true
      node.startingSequenceNumber ??= description.startingSequenceNumber
      node.seenInListing = Math.max(1, this.#listings)
      node.missingSince = undefined
      node.expired = false
      if (!isKnown) fresh.push(node)
    }
    return fresh
  }

  /** After the last page of a listing: notes which shards and parents it lacks. `serviceNow`: the service's time (ms). */
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
   * Judges the missing parents by a complete listing that started at `startedAt` and ended at `endedAt` (monotonic ms). What was
   * too young to be trimmed when it started was hidden, however late it completes.
   */
  updateHiddenParents(startedAt: number, endedAt: number, serviceNow: number): void {
    const trimmedBefore = serviceNow - (endedAt - startedAt) - RETENTION_MS
    for (const missing of this.#missing.values()) {
      const { createdAt, state } = missing
      if (state === 'read' || state === 'timedOut') continue
      // An old parent that is not listed was trimmed with all its records; so is one whose id contains no time.
      const isYoung = createdAt !== undefined && createdAt >= trimmedBefore
      if (isYoung) missing.hiddenSince ??= endedAt
      const hasTimedOut = startedAt >= (missing.hiddenSince ?? endedAt) + HIDDEN_PARENT_WAIT_MS
      missing.state = !isYoung ? 'unlisted' : hasTimedOut ? 'timedOut' : 'hidden'
      if (missing.state === 'hidden') this.#hidden.add(missing)
      else this.#hidden.delete(missing)
    }
  }

  /** The stream is disabled: no shard is open, whatever a listing that lags behind shows. */
  closeAll(): void {
    for (const node of this.#nodes.values()) node.closed = true
  }

  /**
   * Forgets finished shards that are missing from listings since before `time` (monotonic ms). Until then they are kept: a
   * listing may show them again.
   */
  forgetMissingSince(time: number): void {
    for (const node of this.#nodes.values()) {
      if (node.state !== 'finished' || node.ledger.hasOpen) continue
      // A leaf that is listed again would be read again: nothing else says that it was read.
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
    // A shard that names itself, or one of its descendants, would wait for itself forever.
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
    // Nothing descends from a shard without children: no walk up a long chain for each shard that is added to its end.
    if (node.children.length === 0) return shardId === node.shardId
    let at: string | undefined = shardId
    for (let step = 0; at !== undefined && step <= this.#nodes.size; step++) {
      if (at === node.shardId) return true
      at = this.#nodes.get(at)?.parentId
    }
    return false
  }
}
