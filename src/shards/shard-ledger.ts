import { compareSequenceNumbers } from '../position/sequence-number.ts'
import type { StreamRecord } from '../records/stream-record.ts'

/** What a token stores about an unsettled record. */
export interface RecordProgress {
  /** The number of attempts that were started, including one that is running. */
  readonly attempts: number
  /** When the first attempt was started, in ms since 1970. */
  readonly since: number
  /** Whether an attempt is running, so that its outcome is unknown. */
  readonly isRunning: boolean
  /** The names of the tasks that need not run again. */
  readonly finishedTasks: readonly string[]
  /** The error of the last failed attempt. */
  readonly error: { readonly name: string; readonly code?: string } | undefined
}

/** Is asked about an unsettled record while a token is created. Implemented by the processing layer. */
export interface RecordTracker {
  /**
   * The canonical key of the item, if records are processed in the order of their keys: then the record's
   * entry in a token covers all later records of the same key as well. Otherwise undefined.
   */
  readonly itemKey: string | undefined
  /** Returns undefined if no attempt was made yet. */
  progress(): RecordProgress | undefined
}

/** How a record was settled. The position of a token does not depend on records that were only filtered. */
export type Settlement = 'processed' | 'filtered'

/** A record that was delivered to the consumer, which must settle it once, in any order. */
export interface Delivery {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  /** The ledger of the record's shard. */
  readonly ledger: ShardLedger
  /** What the loaded token says about the record; undefined if it says nothing. */
  readonly resumed: RecordProgress | undefined
  readonly isSettled: boolean
  /** Sets what tokens store about the record while it is unsettled. */
  track(tracker: RecordTracker): void
  /**
   * Settles the record. A second call does nothing, nor does a call after the position was changed.
   *
   * @param settlement - `'processed'` by default.
   * @returns false if the record was settled before.
   */
  settle(settlement?: Settlement): boolean
}

/** A delivery, and its place in the list of those that are unsettled. Only the ledger writes its fields. */
class OpenDelivery implements Delivery {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  readonly ledger: ShardLedger
  readonly resumed: RecordProgress | undefined
  /** The sequence number that was delivered before this one; undefined if this is the first one. */
  readonly after: string | undefined
  previous: OpenDelivery | undefined
  next: OpenDelivery | undefined
  tracker: RecordTracker | undefined
  #isSettled = false

  constructor(
    record: StreamRecord,
    sequenceNumber: string,
    ledger: ShardLedger,
    resumed: RecordProgress | undefined,
    previous: OpenDelivery | undefined,
  ) {
    this.record = record
    this.sequenceNumber = sequenceNumber
    this.ledger = ledger
    this.resumed = resumed
    this.after = ledger.delivered
    this.previous = previous
    this.next = undefined
    this.tracker = undefined
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  track(tracker: RecordTracker): void {
    this.tracker = tracker
  }

  settle(settlement: Settlement = 'processed'): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.ledger.remove(this, settlement)
    return true
  }
}

/**
 * The delivered records of one shard that are not settled. They may be settled in any order. Settled records
 * are not kept, however long an earlier one remains unsettled.
 *
 * @internal
 */
export class ShardLedger {
  #delivered: string | undefined
  #through: string | undefined
  #first: OpenDelivery | undefined
  #last: OpenDelivery | undefined

  /** The last sequence number that was delivered. */
  get delivered(): string | undefined {
    return this.#delivered
  }

  /** The last sequence number up to which every delivered record is settled. */
  get acknowledged(): string | undefined {
    return this.#first ? this.#first.after : this.#delivered
  }

  /** The highest sequence number that was settled as processed. */
  get through(): string | undefined {
    return this.#through
  }

  /** The oldest unsettled record. */
  get oldestUnsettled(): StreamRecord | undefined {
    return this.#first?.record
  }

  /** Whether a delivered record is unsettled. */
  get hasUnsettled(): boolean {
    return this.#first !== undefined
  }

  /** Sets the last sequence number that was delivered (undefined: none), from a token or after a gap. */
  startAfter(sequenceNumber: string | undefined): void {
    this.#delivered = sequenceNumber
  }

  /** Adds a delivered record. The caller must settle it. */
  deliver(record: StreamRecord, sequenceNumber: string): Delivery {
    const delivery = new OpenDelivery(record, sequenceNumber, this, undefined, this.#last)
    if (this.#last) this.#last.next = delivery
    else this.#first = delivery
    this.#last = delivery
    this.#delivered = sequenceNumber
    return delivery
  }

  /** Removes a delivery that has just been settled. Only the delivery itself calls it. @internal */
  remove(delivery: Delivery, settlement: Settlement): void {
    const open = delivery as OpenDelivery
    const { previous, next, sequenceNumber } = open
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    else this.#last = previous
    // A settled delivery that is still referenced must not keep others in memory.
    open.previous = open.next = open.tracker = undefined
    if (settlement === 'filtered') return
    if (this.#through === undefined || compareSequenceNumbers(sequenceNumber, this.#through) > 0) {
      this.#through = sequenceNumber
    }
  }
}
