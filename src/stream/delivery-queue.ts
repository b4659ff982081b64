import type { StreamRecord } from '../records/stream-record.ts'
import type { Delivery } from '../shards/shard-ledger.ts'

/**
 * The records that were delivered and not acknowledged, in their order. The first ones are in the consumer's hands; the
 * others were left by a loop that ended, and are delivered again.
 *
 * @internal
 */
export class DeliveryQueue {
  readonly #deliveries: Delivery[] = []
  #inHand = 0

  /** How many records are in the consumer's hands. */
  get inHand(): number {
    return this.#inHand
  }

  /** Whether records are to be delivered again. */
  get hasReturned(): boolean {
    return this.#deliveries.length > this.#inHand
  }

  /** The records in the consumer's hands. */
  get records(): StreamRecord[] {
    return this.#deliveries.slice(0, this.#inHand).map(({ record }) => record)
  }

  /** Delivers the next of the records that a loop left. */
  takeReturned(): StreamRecord | undefined {
    const delivery = this.#deliveries[this.#inHand]
    if (delivery) this.#inHand++
    return delivery?.record
  }

  /** Adds a record that is delivered for the first time; none may be left to be delivered again. */
  add(delivery: Delivery): void {
    this.#deliveries.push(delivery)
    this.#inHand++
  }

  /** The consumer is done with what it has. Returns how many records that were. */
  acknowledge(): number {
    const count = this.#inHand
    if (count === 0) return 0
    for (let index = 0; index < count; index++) {
      const delivery = this.#deliveries[index] as Delivery
      delivery.ledger.settle(delivery)
    }
    if (this.hasReturned) this.#deliveries.splice(0, count)
    else this.#deliveries.length = 0
    this.#inHand = 0
    return count
  }

  /** The consumer has left: what it has is delivered again. */
  giveBack(): void {
    this.#inHand = 0
  }

  /** The position has changed: nothing is delivered again. */
  clear(): void {
    this.#deliveries.length = 0
    this.#inHand = 0
  }
}
