import { mergeRecords } from './merge-records.ts'
import type { ParkedRecord } from './parking-store.ts'

/** The parked records of one key in memory, by position. */
export class RecordList {
  #records: ParkedRecord[] = []
  /** The index of the first record that is not finished. */
  #first = 0

  /** Adds records. One whose position is present replaces the present one. */
  add(added: readonly ParkedRecord[]): void {
    const copies = added.map(({ position, content }) => ({ position, content }))
    const [first] = copies
    if (first === undefined) return
    const last = this.#records.at(-1)
    if (last === undefined || last.position < first.position) return void this.#records.push(...copies)
    this.#records = mergeRecords(this.#records.slice(this.#first), copies)
    this.#first = 0
  }

  /** Removes the records up to a position. */
  removeUntil(position: string): void {
    this.#first = this.#indexAfter(position)
    // Removing them one by one would move the others each time.
    if (this.#first * 2 < this.#records.length) return
    this.#records.splice(0, this.#first)
    this.#first = 0
  }

  /** Returns copies of the records after a position (undefined: from the first one). */
  after(position: string | undefined, limit: number = Number.POSITIVE_INFINITY): ParkedRecord[] {
    const index = position === undefined ? this.#first : this.#indexAfter(position)
    return this.#records.slice(index, index + limit).map((record) => ({ ...record }))
  }

  /** Returns the index of the first record after a position that is not removed. */
  #indexAfter(position: string): number {
    let from = this.#first
    let to = this.#records.length
    while (from < to) {
      const middle = (from + to) >>> 1
      const record = this.#records[middle]
      if (record !== undefined && record.position > position) to = middle
      else from = middle + 1
    }
    return from
  }
}
