import type { StreamRecord } from '../records/stream-record.ts'

/** A record that was delivered to the consumer, and whether the consumer has settled it. */
export interface Delivery {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  /** The ledger of the record's shard. */
  readonly ledger: ShardLedger
  isSettled: boolean
}

/** How many settled entries may accumulate at the front of the list before they are removed. */
const COMPACT_AFTER = 1_024

/**
 * The delivered records of one shard, and which of them are settled. They may be settled in any order; the
 * acknowledged position is the last record before the first unsettled one.
 *
 * @internal
 */
export class ShardLedger {
  #delivered: string | undefined
  #acknowledged: string | undefined
  /** Deliveries from `#first` on may be unsettled, and the one at `#first` is. */
  #unsettled: (Delivery | undefined)[] = []
  #first = 0

  /** The last sequence number that was delivered. */
  get delivered(): string | undefined {
    return this.#delivered
  }

  /** The last sequence number up to which every delivered record is settled. */
  get acknowledged(): string | undefined {
    return this.#acknowledged
  }

  /** The oldest unsettled record. */
  get oldestUnsettled(): StreamRecord | undefined {
    return this.#unsettled[this.#first]?.record
  }

  /** Whether a delivered record is unsettled. */
  get hasUnsettled(): boolean {
    return this.#first < this.#unsettled.length
  }

  /**
   * Restarts after this sequence number (undefined: at the start), for a loaded token or after a gap.
   */
  startAfter(sequenceNumber: string | undefined): void {
    this.#delivered = sequenceNumber
    this.#acknowledged = sequenceNumber
    this.#unsettled = []
    this.#first = 0
  }

  /** Adds a delivered record. The caller must {@link settle} it. */
  deliver(record: StreamRecord, sequenceNumber: string): Delivery {
    const delivery = { record, sequenceNumber, ledger: this, isSettled: false }
    this.#unsettled.push(delivery)
    this.#delivered = sequenceNumber
    return delivery
  }

  /** Marks a delivered record as settled. A second call for the same record does nothing. */
  settle(delivery: Delivery): void {
    delivery.isSettled = true
    for (let first = this.#unsettled[this.#first]; first?.isSettled; first = this.#unsettled[this.#first]) {
      this.#acknowledged = first.sequenceNumber
      this.#unsettled[this.#first++] = undefined
    }
    if (this.#first === this.#unsettled.length) this.#unsettled.length = 0
    else if (this.#first >= COMPACT_AFTER) this.#unsettled.splice(0, this.#first)
    else return
    this.#first = 0
  }
}
