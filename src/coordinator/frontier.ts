import type { ShardPosition, ShardToken, ShardTokenState, StreamToken } from '../position/token.ts'
import type { ShardNode } from '../shards/shard.ts'
import type { ShardForest } from '../shards/shard-forest.ts'

/**
 * The shards that a token has to name: those being read, and finished ones without started children.
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

  /** Removes a shard if its children supersede it. Must be called when that may have become true. */
  prune(node: ShardNode | undefined): void {
    if (node && isSuperseded(node)) this.#nodes.delete(node)
  }

  /** Removes every shard that its children supersede. */
  pruneAll(): void {
    for (const node of this.#nodes) this.prune(node)
  }

  /** Returns the position that covers every acknowledged record, and no other. */
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
    if (!node.isStarted) return this.#pendingToken(node)
    const at = node.acknowledgedPosition
    const isSkipped = !node.ledger.hasUnsettled && node.state === 'finished' && isSince(at)
    const settlement = isSkipped || isEnd(at) ? undefined : node.ledger.settlement()
    return { ...shardToken(node, at, isSkipped ? 'skipped' : undefined), ...settlement }
  }

  /**
   * The entry for a shard that has not been started. Usually it needs none: when a token is loaded, a shard
   * that it does not name is read from its start, or from the time in its parent's entry. Only a shard that
   * must be read from a certain time, and whose parent has no entry, needs one of its own.
   */
  #pendingToken(node: ShardNode): ShardToken | undefined {
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

function isEnd(at: ShardPosition): boolean {
  return typeof at === 'object' && 'end' in at
}

function isSince(at: ShardPosition): boolean {
  return typeof at === 'object' && 'since' in at
}

/** Whether a shard is finished, all of its records are settled, and it has expired or a child was started. */
function isSuperseded(node: ShardNode): boolean {
  if (node.state !== 'finished' || node.ledger.hasUnsettled) return false
  return node.expired || node.children.some((child) => child.isStarted)
}
