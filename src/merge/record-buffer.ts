import { Heap } from 'heap-js'
import type { StreamRecord } from '../records/stream-record.ts'
import type { FetchedPage, ShardQueue } from './shard-queue.ts'

/**
 * What was fetched and not yet given out, of all shards: one queue a shard, merged by time through a heap of the
 * queues' heads. Inside a shard the service's order stands, whatever the times say.
 */
export class RecordBuffer {
  readonly #heap = new Heap<ShardQueue>(byHeadTime)
  readonly #queues = new Set<ShardQueue>()
  #length = 0
  #shards = 0
  #bytes = 0

  /** How many records it holds. */
  get length(): number {
    return this.#length
  }

  /** How large the answers are that those records came in, in bytes; an answer counts until its last record is given out. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many shards have records in it. */
  get shards(): number {
    return this.#shards
  }

  /**
   * Takes in a page, behind what is there of the same shard.
   * @internal
   */
  push(queue: ShardQueue, page: FetchedPage): void {
    const wasEmpty = queue.length === 0
    this.#length -= queue.length
    this.#bytes -= queue.bytes
    queue.push(page)
    this.#length += queue.length
    this.#bytes += queue.bytes
    if (!wasEmpty || queue.length === 0) return
    this.#shards++
    if (this.#queues.has(queue)) this.#heap.push(queue)
  }

  /**
   * Lets a shard take part in the merge. Before that its records are held back.
   * @internal
   */
  release(queue: ShardQueue): void {
    if (this.#queues.has(queue)) return
    this.#queues.add(queue)
    if (queue.length > 0) this.#heap.push(queue)
  }

  /**
   * Ends a shard's part in the merge; its queue must be empty.
   * @internal
   */
  retire(queue: ShardQueue): void {
    this.#queues.delete(queue)
  }

  /**
   * The queue whose head comes next.
   * @internal
   */
  get next(): ShardQueue | undefined {
    return this.#heap.peek()
  }

  /**
   * Gives out the head of {@link next}. The buffer must not be empty.
   * @internal
   */
  takeOldest(): StreamRecord {
    const queue = this.#heap.peek() as ShardQueue
    const time = queue.headTime
    const bytes = queue.bytes
    const record = queue.shift()
    this.#length--
    this.#bytes -= bytes - queue.bytes
    if (queue.length === 0) {
      this.#heap.pop()
      this.#shards--
    }
    // Among equals the shard stays first, so the heap is in order as it is.
    else if (queue.headTime !== time) this.#heap.replace(queue)
    return record
  }
}

function byHeadTime(a: ShardQueue, b: ShardQueue): number {
  return a.headTime - b.headTime || a.node.ordinal - b.node.ordinal
}
