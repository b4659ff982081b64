import { Heap } from 'heap-js'
import type { StreamRecord } from '../records/stream-record.ts'
import type { FetchedPage, ShardQueue } from './shard-queue.ts'

/**
 * The records of all shards that were fetched but not yet delivered, in the order of their delivery.
 *
 * Records of different shards are merged by `createdAt`. Within a shard the order is the service's,
 * regardless of timestamps.
 */
export class RecordBuffer {
  /** The queues in the merge that are not empty, ordered by the time of their first records. */
  readonly #heap = new Heap<ShardQueue>(byHeadTime)
  /** All queues in the merge. */
  readonly #queues = new Set<ShardQueue>()
  #length = 0
  #shards = 0
  #bytes = 0

  /** The number of buffered records. */
  get length(): number {
    return this.#length
  }

  /**
   * The size of the GetRecords responses that contained the buffered records, in bytes. This is what
   * `maxBufferedBytes` limits. A response counts until its last record is delivered, except for the parts of
   * it that were released earlier.
   */
  get bytes(): number {
    return this.#bytes
  }

  /** The number of shards that have buffered records. */
  get shards(): number {
    return this.#shards
  }

  /**
   * Appends a page to the queue of its shard.
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
   * Adds a shard to the merge. Until then its records are held back.
   * @internal
   */
  release(queue: ShardQueue): void {
    if (this.#queues.has(queue)) return
    this.#queues.add(queue)
    if (queue.length > 0) this.#heap.push(queue)
  }

  /**
   * Removes a shard from the merge. Its queue must be empty.
   * @internal
   */
  retire(queue: ShardQueue): void {
    this.#queues.delete(queue)
  }

  /**
   * The queue whose first record is delivered next; undefined if no record can be delivered.
   * @internal
   */
  get next(): ShardQueue | undefined {
    return this.#heap.peek()
  }

  /**
   * Removes and returns the first record of {@link next}, which must not be undefined.
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
    // A queue whose time has not changed keeps its place in the heap.
    else if (queue.headTime !== time) this.#heap.replace(queue)
    return record
  }
}

function byHeadTime(a: ShardQueue, b: ShardQueue): number {
  return a.headTime - b.headTime || a.node.ordinal - b.node.ordinal
}
