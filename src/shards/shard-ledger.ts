import type { StreamRecord } from '../records/stream-record.ts'

/** A record that was returned to the consumer, and whether the consumer is done with it. */
export interface Delivery {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  /** The ledger of the record's shard. */
  readonly ledger: ShardLedger
  isSettled: boolean
}

/**
 * The records of one shard that were delivered, and which of them are acknowledged. They may be acknowledged in any order;
 * the position is the last one before the first that is not.
 *
 * @internal
 */
export class ShardLedger {
  #delivered: string | undefined
  #acknowledged: string | undefined
  /** The first of them is not settled. */
  readonly #open: Delivery[] = []

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
    return this.#open[0]?.record
  }

  /** Whether a delivered record is not acknowledged yet. */
  get hasOpen(): boolean {
    return this.#open.length > 0
  }

  /** Starts at a position that a token holds. */
  startAfter(sequenceNumber: string | undefined): void {
    this.#delivered = sequenceNumber
    this.#acknowledged = sequenceNumber
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
    let settled = 0
    for (let first = this.#open[0]; first?.isSettled; first = this.#open[settled]) {
      this.#acknowledged = first.sequenceNumber
      settled++
    }
    if (settled > 0) this.#open.splice(0, settled)
  }
}
