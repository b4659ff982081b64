import type { RecordContext } from '../records/stream-record.ts'
import { StreamRecord } from '../records/stream-record.ts'
import type { ShardNode } from '../shards/shard.ts'
import { createdAtMsOf, sequenceNumberOf } from '../wire/record-fields.ts'
import type { WireRecord, WireRecords } from '../wire/wire-record.ts'

/** The records of one GetRecords response that are to be delivered: those from index `first` on. */
export interface FetchedPage {
  readonly records: WireRecords
  readonly first: number
  readonly bytes: number
  readonly context: RecordContext
}

/**
 * The records of one shard that were fetched but not yet delivered, in the service's order.
 *
 * @internal
 */
export class ShardQueue {
  readonly node: ShardNode
  /**
   * The queue's place in the merge (ms): the time of its first record, but no earlier than
   * `node.reachedTime`. Infinity if the queue is empty.
   */
  headTime: number = Number.POSITIVE_INFINITY
  length = 0
  bytes = 0
  readonly #pages: FetchedPage[] = []
  /** How much of the first page has already been released, in bytes. */
  #releasedBytes = 0
  /** The index of the first record in the first page. */
  #at = 0
  /** The time (ms) of the last record that had one. It is used for records without a time. */
  #lastCreatedAt: number
  #head: WireRecord | undefined
  #headCreatedAt = 0
  /** The sequence number of the record that {@link shift} returned last. */
  sequenceNumber = ''

  constructor(node: ShardNode, lastCreatedAt: number) {
    this.node = node
    this.#lastCreatedAt = lastCreatedAt
  }

  push(page: FetchedPage): void {
    const count = page.records.length - page.first
    if (count <= 0) return
    this.#pages.push(page)
    this.length += count
    this.bytes += page.bytes
    if (this.#pages.length === 1) {
      this.#at = page.first
      this.#readHead()
    }
  }

  /** Removes and returns the first record. The queue must not be empty. */
  shift(): StreamRecord {
    const page = this.#pages[0] as FetchedPage
    const wire = this.#head as WireRecord
    this.#at++
    const record = new StreamRecord(wire, page.context, this.#headCreatedAt)
    this.sequenceNumber = sequenceNumberOf(wire)
    this.node.reachedTime = this.headTime
    this.length--
    if (this.#at < page.records.length) {
      const freed = page.records.release?.(this.#at) ?? 0
      this.#releasedBytes += freed
      this.bytes -= freed
    } else {
      this.#pages.shift()
      this.bytes -= page.bytes - this.#releasedBytes
      this.#releasedBytes = 0
      this.#at = this.#pages[0]?.first ?? 0
    }
    this.#readHead()
    return record
  }

  /** Raises `node.reachedTime` to `time` (ms), and `headTime` with it. */
  raiseReachedTime(time: number): void {
    if (time > this.node.reachedTime) this.node.reachedTime = time
    if (this.length > 0) this.headTime = Math.max(this.node.reachedTime, this.#headCreatedAt)
  }

  #readHead(): void {
    const wire = this.#pages[0]?.records.at(this.#at)
    this.#head = wire
    if (wire === undefined) {
      this.headTime = Number.POSITIVE_INFINITY
      return
    }
    const createdAt = createdAtMsOf(wire) ?? this.#lastCreatedAt
    this.#lastCreatedAt = createdAt
    this.#headCreatedAt = createdAt
    const reached = this.node.reachedTime
    this.headTime = Math.max(createdAt, reached)
  }
}
