import type { ShardPosition, ShardToken, ShardTokenState, StreamToken } from '../position/token.ts'
import type { Lineage } from '../shards/lineage.ts'
import type { ShardNode } from '../shards/shard.ts'

/** Which records a token covers: all that were handed out, or only those that are done with. */
export type TokenView = 'delivered' | 'committed'

/**
 * The shards that a token has to name: those being read, and finished ones whose children have not begun. Keeps
 * the position of what is done with apart from that of what was handed out.
 *
 * @internal
 */
export class Frontier {
  readonly #lineage: Lineage
  readonly #nodes = new Set<ShardNode>()
  readonly #uncommitted: ShardNode[] = []

  constructor(lineage: Lineage) {
    this.#lineage = lineage
  }

  add(node: ShardNode): void {
    this.#nodes.add(node)
  }

  nodes(): IterableIterator<ShardNode> {
    return this.#nodes.values()
  }

  /** A record of `node` was handed out. */
  deliver(node: ShardNode, sequenceNumber: string): void {
    if (node.delivered === node.committed) this.#uncommitted.push(node)
    node.delivered = sequenceNumber
  }

  /** All that was handed out is done with. */
  commit(): void {
    for (const node of this.#uncommitted) node.committed = node.delivered
    this.#uncommitted.length = 0
  }

  token(streamArn: string, view: TokenView): StreamToken {
    const shards: ShardToken[] = []
    for (const node of this.#nodes) {
      if (node.state === 'unread' && !node.placed) {
        const waiting = this.#waiting(node)
        if (waiting) shards.push(waiting)
        continue
      }
      const last = node[view]
      const settled = last === node.delivered
      if (settled && isBehind(node)) {
        if (node.committed === node.delivered) this.#nodes.delete(node)
        continue
      }
      const at = node.positionAfter(last, settled)
      const isPassed = settled && node.state === 'finished' && isSince(at)
      shards.push(shardToken(node, at, isPassed ? 'passed' : undefined))
    }
    return { version: 1, streamArn, shards }
  }

  /**
   * A shard that waits is unread, from its start on, by the rule of loading; or its parent says from when on. Where it is to
   * be read from a time on and no parent is known that could pass that on, it has to say so itself.
   */
  #waiting(node: ShardNode): ShardToken | undefined {
    if (!isSince(node.start) || this.#lineage.parentOf(node)) return undefined
    return shardToken(node, node.start, 'waiting')
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

/** Whether a shard is finished and its children have taken its place, or it is gone for good. */
function isBehind(node: ShardNode): boolean {
  if (node.state !== 'finished') return false
  return node.gone || node.children.some((child) => child.state !== 'unread' || child.placed)
}
