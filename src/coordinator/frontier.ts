import type { ShardToken, StreamToken } from '../position/token.ts'
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
  readonly #nodes = new Set<ShardNode>()
  readonly #uncommitted: ShardNode[] = []

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
      // A shard that waits is unread by the rule of loading. To name it would say that what comes before it is done.
      if (node.state === 'unread' && !node.placed) continue
      const last = node[view]
      const settled = last === node.delivered
      if (settled && isBehind(node)) {
        if (node.committed === node.delivered) this.#nodes.delete(node)
        continue
      }
      const { shardId, parentId } = node
      const at = node.positionAfter(last, settled)
      const isPassed = settled && node.state === 'finished' && typeof at === 'object' && 'since' in at
      shards.push({
        shardId,
        ...(parentId !== undefined && { parentId }),
        at,
        ...(isPassed && { passed: true }),
      })
    }
    return { version: 1, streamArn, shards }
  }
}

/** Whether a shard is finished and its children have taken its place, or it is gone for good. */
function isBehind(node: ShardNode): boolean {
  if (node.state !== 'finished') return false
  return node.gone || node.children.some((child) => child.state !== 'unread' || child.placed)
}
