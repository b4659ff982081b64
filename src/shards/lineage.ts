import { shardCreatedAt } from '../position/shard-id.ts'
import type { ShardDescription } from '../streams-api/streams-api.ts'
import { RETENTION_MS } from './retention.ts'
import { ShardNode } from './shard.ts'

/**
 * The forest of shards, put together from listings that may be late, partial, in any order and contradictory. It
 * only ever learns: a shard is linked to its parent when both are known, is open until a listing says otherwise, and
 * counts as vanished when a complete listing lacks it after an earlier one had it.
 *
 * @internal
 */
export class Lineage {
  readonly #nodes = new Map<string, ShardNode>()
  /** Shards whose parent is named but not known, by the parent's id. */
  readonly #orphans = new Map<string, ShardNode[]>()
  #listing = 0
  #ordinal = 0

  get size(): number {
    return this.#nodes.size
  }

  /** How many complete or partial listings were begun. */
  get listing(): number {
    return this.#listing
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

  /** The oldest shard that a shard is known to go on from; itself, if there is none. */
  rootOf(node: ShardNode): ShardNode {
    let root = node
    for (let parent = this.parentOf(root); parent; parent = this.parentOf(root)) root = parent
    return root
  }

  /** Parents that no listing has shown, of shards that were begun. Almost always none. */
  missingParents(): string[] {
    const missing: string[] = []
    for (const [parentId, children] of this.#orphans) {
      if (children.some(({ state, placed }) => state !== 'unread' || placed)) missing.push(parentId)
    }
    return missing
  }

  /** The shards with no known parent. */
  roots(): ShardNode[] {
    return [...this.#nodes.values()].filter((node) => !this.parentOf(node))
  }

  /** A shard that is known from a token, or makes one that is known already. */
  ensure(shardId: string, parentId: string | undefined): ShardNode {
    const known = this.#nodes.get(shardId)
    if (known) {
      if (known.parentId === undefined && parentId !== undefined) this.#adopt(known, parentId)
      return known
    }
    const node = new ShardNode(shardId, undefined, this.#ordinal++)
    this.#nodes.set(shardId, node)
    for (const child of this.#orphans.get(shardId) ?? []) node.children.push(child)
    this.#orphans.delete(shardId)
    if (parentId !== undefined) this.#adopt(node, parentId)
    return node
  }

  /** Marks the beginning of a listing of all shards. */
  beginListing(): number {
    return ++this.#listing
  }

  /** Takes in what a page tells. Returns the shards that were not known before. */
  merge(descriptions: readonly ShardDescription[]): ShardNode[] {
    const fresh: ShardNode[] = []
    for (const description of descriptions) {
      const known = this.#nodes.has(description.shardId)
      const node = this.ensure(description.shardId, description.parentShardId)
      // A listing that lags behind may show a closed shard as open: it stays closed.
      if (description.endingSequenceNumber !== undefined) node.closed = true
      node.startingSequenceNumber ??= description.startingSequenceNumber
      node.seenInListing = Math.max(1, this.#listing)
      node.vanishedAt = undefined
      node.gone = false
      if (!known) fresh.push(node)
    }
    return fresh
  }

  /** After the last page of listing `number`: returns the shards that it lacks though an earlier one had them. */
  completeListing(number: number, now: number): ShardNode[] {
    const vanished: ShardNode[] = []
    for (const node of this.#nodes.values()) {
      if (node.seenInListing >= number) continue
      const createdAt = shardCreatedAt(node.shardId)
      node.gone = createdAt === undefined || createdAt <= now - RETENTION_MS
      if (node.seenInListing === 0 || node.vanishedAt !== undefined) continue
      node.vanishedAt = now
      vanished.push(node)
    }
    return vanished
  }

  /** The stream is disabled: no shard is open, whatever a listing that lags behind shows. */
  closeAll(): void {
    for (const node of this.#nodes.values()) node.closed = true
  }

  /** Forgets finished shards that vanished before `time`. Until then they are kept: a listing may show them again. */
  forgetVanishedBefore(time: number): void {
    for (const node of this.#nodes.values()) {
      if (node.state !== 'finished' || node.delivered !== node.committed) continue
      if (node.vanishedAt === undefined || node.vanishedAt >= time) continue
      this.#nodes.delete(node.shardId)
      // Its children have no parent any more, so that nobody takes it for one that is hidden.
      for (const child of node.children) child.parentId = undefined
      const siblings = this.parentOf(node)?.children
      siblings?.splice(siblings.indexOf(node), 1)
    }
  }

  #adopt(node: ShardNode, parentId: string): void {
    // A shard that names itself, or one of its heirs, would wait for itself for ever.
    if (this.#isHeirOf(parentId, node)) return
    node.parentId = parentId
    const parent = this.#nodes.get(parentId)
    if (parent) {
      parent.children.push(node)
      return
    }
    const orphans = this.#orphans.get(parentId)
    if (orphans) orphans.push(node)
    else this.#orphans.set(parentId, [node])
  }

  #isHeirOf(shardId: string, node: ShardNode): boolean {
    let at: string | undefined = shardId
    for (let step = 0; at !== undefined && step <= this.#nodes.size; step++) {
      if (at === node.shardId) return true
      at = this.#nodes.get(at)?.parentId
    }
    return false
  }
}
