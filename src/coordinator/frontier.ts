import type { ShardPosition, ShardToken, ShardTokenState, StreamToken } from '../position/token.ts'
import type { ShardNode } from '../shards/shard.ts'
import type { ShardForest } from '../shards/shard-forest.ts'

/**
 * The shards that a token has to name: those being read, and finished ones whose children have not started.
 *
 * @internal
 */
export class Frontier {
  readonly #forest: ShardForest
  readonly #nodes = new Set<ShardNode>()

  constructor(forest: ShardForest) {
    this.#forest = forest
  }

  get size(): number {
    return this.#nodes.size
  }

  nodes(): IterableIterator<ShardNode> {
    return this.#nodes.values()
  }

  add(node: ShardNode): void {
    this.#nodes.add(node)
  }

  /** Removes a shard if its children have taken its place. To be called when that may have become so. */
  prune(node: ShardNode | undefined): void {
    if (node && isSuperseded(node)) this.#nodes.delete(node)
  }

  /** Removes every shard whose children have taken its place. */
  pruneAll(): void {
    for (const node of this.#nodes) this.prune(node)
  }

  /** The position that covers every acknowledged record, and no other. */
  token(streamArn: string): StreamToken {
    const shards: ShardToken[] = []
    for (const node of this.#nodes) {
      this.prune(node)
      const shard = this.#nodes.has(node) ? this.#shardToken(node) : undefined
      if (shard) shards.push(shard)
    }
    return { version: 1, streamArn, shards }
  }

  #shardToken(node: ShardNode): ShardToken | undefined {
    if (!node.isStarted) return this.#waiting(node)
    const at = node.acknowledgedPosition
    const isSkipped = !node.ledger.hasOpen && node.state === 'finished' && isSince(at)
    return shardToken(node, at, isSkipped ? 'skipped' : undefined)
  }

  /**
   * A waiting shard is unread from its start, by the rule of loading; or its parent says from when on. Where it is to be
   * read from a time on and no parent in the token says so, its own entry has to.
   */
  #waiting(node: ShardNode): ShardToken | undefined {
    const parent = this.#forest.parentOf(node)
    if (!isSince(node.start) || (parent && !isSuperseded(parent))) return undefined
    return shardToken(node, node.start, 'pending')
  }
}

function shardToken(
  { shardId, parentId }: ShardNode,
  at: ShardPosition,
  state: ShardTokenState | undefined,
): ShardToken {
  return {
    shardId,
    ...(parentId !== undefined && { parentId }),
    at,
    ...(state !== undefined && { state }),
  }
}

function isSince(at: ShardPosition): boolean {
  return typeof at === 'object' && 'since' in at
}

/** Whether a shard is finished and acknowledged, and its children have taken its place or it is gone for good. */
function isSuperseded(node: ShardNode): boolean {
  if (node.state !== 'finished' || node.ledger.hasOpen) return false
  return node.expired || node.children.some((child) => child.isStarted)
}
