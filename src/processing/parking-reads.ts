import type { Clock } from '../core/clock.ts'
import { readContent } from '../parking/content.ts'
import type { ParkedRecord } from '../parking/parking-store.ts'
import { ParkedDelivery } from './parked-delivery.ts'
import type { ParkedKeyState } from './parked-key-state.ts'
import type { ParkingCalls } from './parking-calls.ts'
import { damagedRecord, missingRecords } from './parking-errors.ts'

/** The maximum number of released records that are in memory at a time, unless one page has more. */
const MAX_RELEASED = 1_000

/** How many records of a key are read at a time, and how many may be left when the next ones are read. */
const FIRST_RECORDS = 10
const PAGE_RECORDS = 100
const LOW_RECORDS = 25

/** About how much is read at a time, in characters of JSON. */
const PAGE_LENGTH = 1_000_000

export interface ParkingReadsListener {
  /** Whether memory is left for records of the store. */
  canRead(): boolean
  /** A record was read, and is to be processed. */
  onRead(delivery: ParkedDelivery): void
  /** A record that was read is settled. */
  onSettled(key: ParkedKeyState): void
  /** The store cannot be read any more. */
  onFailed(error: unknown): void
}

/** Reads the records of keys that are being released: a page at a time, and no more than memory allows. */
export class ParkingReads {
  readonly #calls: ParkingCalls
  readonly #clock: Clock
  /** The name of the run. */
  readonly #name: string
  readonly #listener: ParkingReadsListener
  /** Keys with records that can be read. */
  readonly #unread = new Set<ParkedKeyState>()
  /** The number of records that were read and are not finished. */
  #released = 0
  #isReading = false
  #isStopped = false

  constructor(calls: ParkingCalls, clock: Clock, name: string, listener: ParkingReadsListener) {
    this.#calls = calls
    this.#clock = clock
    this.#name = name
    this.#listener = listener
  }

  /** Reads records of a key that is being released, unless enough of them are in memory. */
  read(key: ParkedKeyState): void {
    if (this.#isStopped || key.state !== 'releasing' || !key.hasUnread || key.released > LOW_RECORDS) return
    this.#unread.add(key)
    this.#start()
  }

  /** The records of a key that were read are parked again. */
  forget(key: ParkedKeyState): void {
    this.#unread.delete(key)
    this.#released -= key.released
    this.#start()
  }

  stop(): void {
    this.#isStopped = true
    this.#unread.clear()
  }

  #start(): void {
    if (this.#isReading || this.#unread.size === 0) return
    this.#isReading = true
    this.#readPages().catch((error: unknown) => this.#listener.onFailed(error))
  }

  async #readPages(): Promise<void> {
    let limit = FIRST_RECORDS
    try {
      for (const key of this.#unread) {
        // What was read makes room: reading continues when a record of it is settled.
        if (!this.#hasRoom()) return
        this.#unread.delete(key)
        // It was added again while its last page was being read.
        if (!key.hasUnread) continue
        const after = key.readAfter
        const records = await this.#calls.run((lease) => lease.read(key.keyHash, after, limit))
        if (this.#isStopped) return
        if (key.state !== 'releasing' || key.readAfter !== after) this.read(key)
        else {
          limit = this.#deliver(key, records)
          this.read(key)
        }
      }
    } finally {
      this.#isReading = false
    }
  }

  #hasRoom(): boolean {
    if (this.#isStopped) return false
    return this.#released === 0 || (this.#released < MAX_RELEASED && this.#listener.canRead())
  }

  /** Delivers the records of a page. Returns how many to read next. */
  #deliver(key: ParkedKeyState, records: readonly ParkedRecord[]): number {
    if (records.length === 0) throw missingRecords(this.#name, key.keyHash)
    let length = 1
    for (const { position, content } of records) {
      // A record that was added by a call whose response has not arrived is read later.
      if (key.last === undefined || position > key.last) break
      length = Math.max(length, content.length)
      const delivery = this.#deliveryOf(key, position, content)
      this.#released++
      key.wasRead(delivery)
      this.#listener.onRead(delivery)
    }
    return Math.max(1, Math.min(PAGE_RECORDS, Math.floor(PAGE_LENGTH / length)))
  }

  #deliveryOf(key: ParkedKeyState, position: string, content: string): ParkedDelivery {
    const readAt = this.#clock.now()
    const { record, done } = this.#readContent(key, content)
    const own = { attempts: 0, since: readAt, isRunning: false, finishedTasks: done, error: undefined }
    const resumed = key.resumed ?? (done.length > 0 ? own : undefined)
    return new ParkedDelivery({ record, position, resumed, readAt }, () => this.#settled(key))
  }

  #readContent({ keyHash }: ParkedKeyState, content: string) {
    try {
      return readContent(content)
    } catch (error) {
      throw damagedRecord(this.#name, keyHash, error)
    }
  }

  #settled(key: ParkedKeyState): void {
    const before = key.released
    key.advance()
    this.#released -= before - key.released
    this.#listener.onSettled(key)
    this.read(key)
    this.#start()
  }
}
