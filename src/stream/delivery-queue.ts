import type { StreamRecord } from '../records/stream-record.ts'
import type { Delivery } from '../shards/shard-ledger.ts'

/**
 * The records that were taken from the Coordinator and have not been acknowledged, in order. The first ones
 * are unacknowledged: they have been returned to the consumer. The others are waiting: they are being
 * collected for a batch, or will be redelivered because a loop was left without acknowledging them.
 *
 * @internal
 */
export class DeliveryQueue {
  readonly #deliveries: Delivery[] = []
  #unacknowledged = 0

  /** The number of records that were returned to the consumer and have not been acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged
  }

  /** The number of records that are waiting to be returned. */
  get waiting(): number {
    return this.#deliveries.length - this.#unacknowledged
  }

  /** Adds a record at the end. */
  add(delivery: Delivery): void {
    this.#deliveries.push(delivery)
  }

  /** Returns the first waiting record, which becomes unacknowledged. */
  next(): StreamRecord | undefined {
    const delivery = this.#deliveries[this.#unacknowledged]
    if (delivery) this.#unacknowledged++
    return delivery?.record
  }

  /** Returns up to `maxRecords` waiting records, which become unacknowledged. */
  nextBatch(maxRecords: number): StreamRecord[] {
    const records = this.#deliveries
      .slice(this.#unacknowledged, this.#unacknowledged + maxRecords)
      .map(({ record }) => record)
    this.#unacknowledged += records.length
    return records
  }

  /** Acknowledges the unacknowledged records and returns their number. */
  acknowledge(): number {
    const count = this.#unacknowledged
    if (count === 0) return 0
    for (let index = 0; index < count; index++) {
      const delivery = this.#deliveries[index] as Delivery
      delivery.settle()
    }
    if (this.waiting > 0) this.#deliveries.splice(0, count)
    else this.#deliveries.length = 0
    this.#unacknowledged = 0
    return count
  }

  /** Makes the unacknowledged records wait again, because the consumer left without acknowledging them. */
  redeliver(): void {
    this.#unacknowledged = 0
  }

  /** Removes all records and returns them in order, for a run, which settles them itself. */
  removeAll(): Delivery[] {
    this.#unacknowledged = 0
    return this.#deliveries.splice(0)
  }

  /** Drops all records, because the position has changed. */
  clear(): void {
    this.#deliveries.length = 0
    this.#unacknowledged = 0
  }
}
