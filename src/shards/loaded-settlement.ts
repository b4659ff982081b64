import { compareSequenceNumbers, isSequenceNumber, nextSequenceNumber } from '../position/sequence-number.ts'
import type { UnsettledEntry } from '../position/token.ts'
import { progressOf, type RecordProgress } from '../position/unsettled.ts'

/** What a loaded token says about a record. */
export interface Arrival {
  /** Whether the record was processed before the token was saved. */
  readonly isSettled: boolean
  /** Whether the token names the record itself, so that its entry covers no other record of the key. */
  readonly isNamed: boolean
  readonly progress: RecordProgress | undefined
}

/** Where to start if the records before the oldest unsettled one were trimmed. */
export type UnsettledStart = { readonly at: string } | { readonly after: string }

/** The records of one shard that a loaded token describes, until all of them have arrived. */
export class LoadedSettlement {
  readonly through: string | undefined
  /** The entries that are left, in the order of the token. */
  readonly #left: Set<UnsettledEntry>
  /** All entries by their `from`. Those before `#next` have been reached. */
  readonly #bySequence: readonly UnsettledEntry[]
  #next = 0
  /** The entries of keys that were reached and cover further records, by key. */
  readonly #keys = new Map<string, UnsettledEntry>()
  /** Whether records were trimmed since the last record arrived. */
  #isAfterGap = false
  #lost = 0

  constructor(through: string | undefined, entries: readonly UnsettledEntry[]) {
    this.through = through
    this.#left = new Set(entries)
    this.#bySequence = [...entries].sort((a, b) => compareSequenceNumbers(a.from, b.from))
  }

  /** The number of entries whose record `from` was trimmed. */
  get lost(): number {
    return this.#lost
  }

  /** Whether the token says nothing about the records after this one. */
  isUsedUp(sequenceNumber: string): boolean {
    return this.#left.size === 0 && !this.#isBeforeEnd(sequenceNumber)
  }

  /**
   * Returns what the token says about the next record of the shard.
   *
   * @param keyHash - returns the hash of its key. It is called only if an entry may apply.
   */
  arrive(sequenceNumber: string, keyHash: () => string): Arrival {
    const reached = this.#reach(sequenceNumber)
    const isPreceding =
      this.through !== undefined && compareSequenceNumbers(sequenceNumber, this.through) <= 0
    const named = reached.find(({ key }) => key === undefined)
    const mayHaveKey = this.#keys.size > 0 && (isPreceding || reached.length > 0)
    const ofKey = mayHaveKey ? this.#keys.get(keyHash()) : undefined
    const entry = named ?? (ofKey && reached.includes(ofKey) ? ofKey : undefined)
    if (!this.#isBeforeEnd(sequenceNumber)) {
      for (const passed of this.#keys.values()) this.#left.delete(passed)
      this.#keys.clear()
    }
    return {
      isSettled: isPreceding && named === undefined && ofKey === undefined,
      isNamed: named !== undefined,
      progress: entry && progressOf(entry),
    }
  }

  /** Records were trimmed: entries before the next record that arrives are lost. */
  trimmed(): void {
    this.#isAfterGap = true
  }

  /** The shard was read to its end, or has vanished: the records of the entries that are left are lost. */
  end(): void {
    this.#lost += this.#left.size
    this.#left.clear()
  }

  /**
   * Yields what a token must contain for the records that have not arrived yet.
   *
   * @param delivered - the last sequence number that has arrived.
   * @param isWritten - whether the token has an entry for a key already, which covers them.
   */
  *entriesAfter(
    delivered: string | undefined,
    isWritten: (key: string) => boolean,
  ): Generator<UnsettledEntry, void, void> {
    for (const entry of this.#left) {
      const { from, key, since } = entry
      if (key === undefined) yield entry
      else if (isWritten(key)) continue
      else if (this.#keys.get(key) !== entry) yield entry
      // The attempts were those of the first record of the key, which has arrived.
      else
        yield {
          from: isSequenceNumber(delivered) ? nextSequenceNumber(delivered) : from,
          key,
          attempts: 0,
          since,
        }
    }
  }

  /**
   * Where to start if the records after `lastRead` were trimmed; undefined if one of them was unsettled. All
   * records before the oldest unsettled one are settled, so it is not a gap if they were trimmed.
   */
  startAfter(lastRead: string | undefined): UnsettledStart | undefined {
    if (this.through === undefined || this.#isAfterGap || this.#keys.size > 0) return undefined
    for (let index = this.#next; index < this.#bySequence.length; index++) {
      const { from, key } = this.#bySequence[index] as UnsettledEntry
      if (compareSequenceNumbers(from, this.through) > 0) break
      if (lastRead === undefined || compareSequenceNumbers(from, lastRead) > 0) return { at: from }
      // A record of the key after `lastRead` may have been trimmed.
      if (key !== undefined) return undefined
    }
    return lastRead === undefined || this.#isBeforeEnd(lastRead) ? { after: this.through } : undefined
  }

  /** Whether a record that an entry names lies between these two, although they follow one another. */
  isMissing(lastRead: string | undefined, next: string): boolean {
    if (this.#isAfterGap) return false
    for (let index = this.#next; index < this.#bySequence.length; index++) {
      const entry = this.#bySequence[index] as UnsettledEntry
      if (compareSequenceNumbers(entry.from, next) >= 0) return false
      const isRead = lastRead !== undefined && compareSequenceNumbers(entry.from, lastRead) <= 0
      if (!isRead && isOfRecord(entry)) return true
    }
    return false
  }

  #isBeforeEnd(sequenceNumber: string): boolean {
    return this.through !== undefined && compareSequenceNumbers(sequenceNumber, this.through) < 0
  }

  /** Moves past all entries up to a record that has arrived. Returns those whose `from` is this record. */
  #reach(sequenceNumber: string): readonly UnsettledEntry[] {
    const reached: UnsettledEntry[] = []
    for (; this.#next < this.#bySequence.length; this.#next++) {
      const entry = this.#bySequence[this.#next] as UnsettledEntry
      const difference = compareSequenceNumbers(entry.from, sequenceNumber)
      if (difference > 0) break
      if (entry.key === undefined) this.#left.delete(entry)
      else this.#keys.set(entry.key, entry)
      if (difference === 0) reached.push(entry)
      else if (this.#isAfterGap || isOfRecord(entry)) this.#lost++
    }
    this.#isAfterGap = false
    return reached
  }
}

/** Whether `from` is certainly the number of a record. That of a key without attempts may be any number. */
function isOfRecord(entry: UnsettledEntry): boolean {
  return entry.key === undefined || progressOf(entry) !== undefined
}
