import type { RecordContext } from '../records/stream-record.ts'
import { StreamRecord } from '../records/stream-record.ts'
import type { ShardNode } from '../shards/shard.ts'
import { createdAtMsOf, sequenceNumberOf } from '../wire/record-fields.ts'
import type { WireRecord, WireRecords } from '../wire/wire-record.ts'

/** Records of one GetRecords answer, from `first` on. */
export interface FetchedPage {
  readonly records: WireRecords
  readonly first: number
  readonly bytes: number
  readonly context: RecordContext
}

/**
 * What was fetched of one shard and not yet given out, in the service's order.
 *
 * @internal
 */
export class ShardQueue {
  readonly node: ShardNode
  /** Where this queue stands in the merge: the time of its head, never before what its lineage has reached. */
  headTime: number = Number.POSITIVE_INFINITY
  length = 0
  bytes = 0
  readonly #pages: FetchedPage[] = []
  /** How much of the first page is already forgotten, in bytes. */
  #releasedBytes = 0
  #at = 0
  /** The time (ms) of the last record that had one; for records without. */
  #lastCreatedAt: number
  #head: WireRecord | undefined
  #headCreatedAt = 0
  /** The sequence number of the record that was last given out. */
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

  /** Gives out the head. The queue must not be empty. */
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

  /** Brings `headTime` up to date after `node.reachedTime` was raised from outside. */
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
