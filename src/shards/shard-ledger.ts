import { compareSequenceNumbers } from '../position/sequence-number.ts'
import type { UnsettledEntry } from '../position/token.ts'
import {
  isAttempted,
  isCounted,
  type RecordProgress,
  type SettlementFields,
  unsettledEntry,
} from '../position/unsettled.ts'
import { hashItemKey } from '../records/item-key.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { type Arrival, LoadedSettlement, type UnsettledStart } from './loaded-settlement.ts'

export type { RecordProgress } from '../position/unsettled.ts'

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

/** A record that must be settled once, in any order. */
export interface RecordHandle {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  /**
   * What is known about earlier attempts: from an earlier run over the same stream, or from the loaded token.
   * Undefined if there was no earlier attempt.
   */
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

/** A record that was delivered to the consumer, which must settle it once, in any order. */
export interface Delivery extends RecordHandle {
  /** The ledger of the record's shard. */
  readonly ledger: ShardLedger
}

/** A delivery, and its place in the list of those that are unsettled. Only the ledger writes its fields. */
class OpenDelivery implements Delivery {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  readonly ledger: ShardLedger
  readonly #loaded: RecordProgress | undefined
  /**
   * Whether its entry in a token is for it alone: in the loaded token, or for an earlier run over the same
   * stream, in which later records of its key may have been settled.
   */
  #isNamed: boolean
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
    arrival: Arrival | undefined,
    previous: OpenDelivery | undefined,
  ) {
    this.record = record
    this.sequenceNumber = sequenceNumber
    this.ledger = ledger
    this.#loaded = arrival?.progress
    this.#isNamed = arrival?.isNamed === true
    this.after = ledger.delivered
    this.previous = previous
    this.next = undefined
    this.tracker = undefined
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** What a token stores about it: the loaded progress is kept until a tracker is set. */
  get progress(): RecordProgress | undefined {
    return this.tracker ? this.tracker.progress() : this.#loaded
  }

  get resumed(): RecordProgress | undefined {
    return this.progress
  }

  /** The key whose later records its entry in a token covers; undefined if the entry is for it alone. */
  get coveredKey(): string | undefined {
    return this.#isNamed ? undefined : this.tracker?.itemKey
  }

  track(tracker: RecordTracker): void {
    if (this.tracker !== undefined && this.tracker.itemKey === undefined) this.#isNamed = true
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
 * The records of one shard that are not settled: those that were delivered, and those that a loaded token
 * names and that have not been delivered again yet. They may be settled in any order. Settled records are not
 * kept, however long an earlier one remains unsettled.
 *
 * @internal
 */
export class ShardLedger {
  #delivered: string | undefined
  #through: string | undefined
  #first: OpenDelivery | undefined
  #last: OpenDelivery | undefined
  #loaded: LoadedSettlement | undefined
  #lost = 0
  /** The last sequence number that was delivered before a gap. */
  #beforeGap: string | undefined

  /** The last sequence number that was delivered, or skipped because it was settled before. */
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

  /** The oldest unsettled record that was delivered. */
  get oldestUnsettled(): StreamRecord | undefined {
    return this.#first?.record
  }

  /** Whether a record is unsettled, or a loaded token still says something about records to come. */
  get hasUnsettled(): boolean {
    return this.#first !== undefined || this.#loaded !== undefined
  }

  /** Whether a loaded token still says something about records to come. */
  get isResuming(): boolean {
    return this.#loaded !== undefined
  }

  /** The number of entries of the loaded token whose record was trimmed. */
  get lostUnsettled(): number {
    return this.#lost + (this.#loaded?.lost ?? 0)
  }

  // ---- Position -------------------------------------------------------------------------------------------

  /** Sets the last sequence number that was delivered (undefined: none), from a token. */
  startAfter(sequenceNumber: string | undefined): void {
    this.#delivered = sequenceNumber
  }

  /** Takes over what a token says about the settlement of the shard's records. */
  load({ through, unsettled = [] }: SettlementFields): void {
    if (through === undefined && unsettled.length === 0) return
    this.#through = through
    this.#loaded = new LoadedSettlement(through, unsettled)
  }

  /** Whether the oldest unsettled record was delivered before a gap. */
  get isBeforeGap(): boolean {
    return this.#first !== undefined && this.#precedesGap(this.#first.sequenceNumber)
  }

  /**
   * Continues at the oldest retained record, because records after the last delivered one were trimmed. Those
   * that are being processed remain unsettled.
   */
  continueAfterGap(): void {
    this.#beforeGap = this.#delivered ?? this.#beforeGap
    this.#delivered = undefined
    this.#loaded?.trimmed()
  }

  /** All records of the shard were delivered: what the loaded token says about others is dropped. */
  finish(): void {
    this.#loaded?.end()
    this.#dropLoaded()
  }

  /**
   * Where to start if the records after `lastRead` were trimmed, but only settled ones; undefined if an
   * unsettled record was trimmed, or one whose state is unknown.
   */
  unsettledStartAfter(lastRead: string | undefined): UnsettledStart | undefined {
    return this.#loaded?.startAfter(lastRead)
  }

  /** Whether an unsettled record is missing between two records that follow one another: it was trimmed. */
  isUnsettledMissing(lastRead: string | undefined, next: string): boolean {
    return this.#loaded?.isMissing(lastRead, next) === true
  }

  /** What a token that starts after `acknowledged` stores about the records from there on. */
  settlement(): SettlementFields {
    const through = this.#isCoveredByPosition(this.#through) ? undefined : this.#through
    const unsettled = this.#unsettledEntries(through)
    return {
      ...(through !== undefined && { through }),
      ...(unsettled.length > 0 && { unsettled }),
    }
  }

  // ---- Records --------------------------------------------------------------------------------------------

  /** Adds a record to be processed. The caller must settle it. */
  deliver(record: StreamRecord, sequenceNumber: string): Delivery {
    return this.#deliver(record, sequenceNumber, undefined)
  }

  /** The same as {@link deliver}. Returns undefined if a loaded token shows that the record is settled. */
  deliverUnlessSettled(record: StreamRecord, sequenceNumber: string): Delivery | undefined {
    const loaded = this.#loaded
    if (loaded === undefined) return this.#deliver(record, sequenceNumber, undefined)
    const arrival = loaded.arrive(sequenceNumber, () => hashItemKey(record.itemKey))
    if (loaded.isUsedUp(sequenceNumber)) this.#dropLoaded()
    if (!arrival.isSettled) return this.#deliver(record, sequenceNumber, arrival)
    this.#delivered = sequenceNumber
    return undefined
  }

  #deliver(record: StreamRecord, sequenceNumber: string, arrival: Arrival | undefined): Delivery {
    const delivery = new OpenDelivery(record, sequenceNumber, this, arrival, this.#last)
    if (this.#last) this.#last.next = delivery
    else this.#first = delivery
    this.#last = delivery
    this.#delivered = sequenceNumber
    return delivery
  }

  /** Removes a delivery that has just been settled. Only the delivery itself calls it. */
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

  #unsettledEntries(through: string | undefined): UnsettledEntry[] {
    const entries: UnsettledEntry[] = []
    const keys = new Set<string>()
    for (let open = this.#first; open; open = open.next) {
      const { sequenceNumber, progress } = open
      const isOvertaken = through !== undefined && compareSequenceNumbers(sequenceNumber, through) <= 0
      if (!isOvertaken && !(progress && isAttempted(progress))) continue
      const key = open.coveredKey
      const isCovered = key !== undefined && keys.has(key)
      // The entry that covers it has the attempts of another record of its key.
      if (isCovered && !(progress && isCounted(progress))) continue
      if (key !== undefined) keys.add(key)
      const hash = key === undefined || isCovered ? undefined : hashItemKey(key)
      entries.push(unsettledEntry(sequenceNumber, hash, progress, open.record))
    }
    if (this.#loaded === undefined) return entries
    const hashes = new Set(entries.map(({ key }) => key))
    entries.push(...this.#loaded.entriesAfter(this.#delivered, (key) => hashes.has(key)))
    return entries
  }

  /** Whether the acknowledged position of the shard lies after this sequence number. */
  #isCoveredByPosition(sequenceNumber: string | undefined): boolean {
    const { acknowledged } = this
    if (sequenceNumber === undefined) return false
    // After a gap, the position is the oldest retained record until a later one is acknowledged.
    if (acknowledged === undefined) return !this.isBeforeGap && this.#precedesGap(sequenceNumber)
    return compareSequenceNumbers(sequenceNumber, acknowledged) <= 0
  }

  #precedesGap(sequenceNumber: string): boolean {
    return this.#beforeGap !== undefined && compareSequenceNumbers(sequenceNumber, this.#beforeGap) <= 0
  }

  #dropLoaded(): void {
    this.#lost += this.#loaded?.lost ?? 0
    this.#loaded = undefined
  }
}
