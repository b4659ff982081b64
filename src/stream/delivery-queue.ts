import type { StreamRecord } from '../records/stream-record.ts'
import type { Delivery } from '../shards/shard-ledger.ts'

/**
 * The records that were taken from the Coordinator and not acknowledged, in their order. The first ones are in the consumer's
 * hands. The others wait: they are being gathered for an array, or were left by a loop that ended and are delivered again.
 *
 * @internal
 */
export class DeliveryQueue {
  readonly #deliveries: Delivery[] = []
  #unacknowledged = 0

  /** How many records are in the consumer's hands. */
  get unacknowledged(): number {
    return this.#unacknowledged
  }

  /** How many records wait. */
  get waiting(): number {
    return this.#deliveries.length - this.#unacknowledged
  }

  /** Adds a record that waits. */
  add(delivery: Delivery): void {
    this.#deliveries.push(delivery)
  }

  /** Hands the first record that waits to the consumer. */
  next(): StreamRecord | undefined {
    const delivery = this.#deliveries[this.#unacknowledged]
    if (delivery) this.#unacknowledged++
    return delivery?.record
  }

  /** Hands the first records that wait to the consumer, `most` at most. */
  nextBatch(most: number): StreamRecord[] {
    const records = this.#deliveries
      .slice(this.#unacknowledged, this.#unacknowledged + most)
      .map(({ record }) => record)
    this.#unacknowledged += records.length
    return records
  }

  /** The consumer is done with what it has. Returns how many records that were. */
  acknowledge(): number {
    const count = this.#unacknowledged
    if (count === 0) return 0
    for (let index = 0; index < count; index++) {
      const delivery = this.#deliveries[index] as Delivery
      delivery.ledger.settle(delivery)
    }
    if (this.waiting > 0) this.#deliveries.splice(0, count)
    else this.#deliveries.length = 0
    this.#unacknowledged = 0
    return count
  }

  /** The consumer has left: what it has is delivered again. */
  redeliver(): void {
    this.#unacknowledged = 0
  }

  /** The position has changed: nothing is delivered again. */
  clear(): void {
    this.#deliveries.length = 0
    this.#unacknowledged = 0
  }
}
