import type { StreamRecord } from '../records/stream-record.ts'

/** A record that was returned to the consumer, and whether the consumer is done with it. */
export interface Delivery {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  /** The ledger of the record's shard. */
  readonly ledger: ShardLedger
  isSettled: boolean
}

/** How many settled entries are kept before the others are moved to the front. */
const COMPACT_AFTER = 1_024

/**
 * The records of one shard that were delivered, and which of them are acknowledged. They may be acknowledged in any order;
 * the position is the last one before the first that is not.
 *
 * @internal
 */
export class ShardLedger {
  #delivered: string | undefined
  #acknowledged: string | undefined
  /** Those from `#first` on are of interest; that one is not settled. */
  #open: (Delivery | undefined)[] = []
  #first = 0

  /** The last sequence number that was delivered. */
  get delivered(): string | undefined {
    return this.#delivered
  }

  /** The last sequence number up to which every delivered record is acknowledged. */
  get acknowledged(): string | undefined {
    return this.#acknowledged
  }

  /** The oldest delivered record that is not acknowledged. */
  get oldestOpen(): StreamRecord | undefined {
    return this.#open[this.#first]?.record
  }

  /** Whether a delivered record is not acknowledged yet. */
  get hasOpen(): boolean {
    return this.#first < this.#open.length
  }

  /** Starts over: at a position that a token holds, or where the records so far do not count any more. */
  startAfter(sequenceNumber: string | undefined): void {
    this.#delivered = sequenceNumber
    this.#acknowledged = sequenceNumber
    this.#open = []
    this.#first = 0
  }

  /** Notes a delivered record. The caller must {@link settle} it once. */
  deliver(record: StreamRecord, sequenceNumber: string): Delivery {
    const delivery = { record, sequenceNumber, ledger: this, isSettled: false }
    this.#open.push(delivery)
    this.#delivered = sequenceNumber
    return delivery
  }

  /** The consumer is done with a delivered record. A second call for the same record does nothing. */
  settle(delivery: Delivery): void {
    delivery.isSettled = true
    for (let first = this.#open[this.#first]; first?.isSettled; first = this.#open[this.#first]) {
      this.#acknowledged = first.sequenceNumber
      this.#open[this.#first++] = undefined
    }
    if (this.#first === this.#open.length) this.#open.length = 0
    else if (this.#first >= COMPACT_AFTER) this.#open.splice(0, this.#first)
    else return
    this.#first = 0
  }
}
