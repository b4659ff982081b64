import type { Clock } from '../core/clock.ts'
import type { ParkedKeyUpdate } from '../parking/parking-store.ts'
import type { ParkedKeyState } from './parked-key-state.ts'
import type { ParkingCalls } from './parking-calls.ts'
import type { QueuedRecord } from './queued-record.ts'

/** How long a change that adds no record may remain unsaved, in ms. */
const SAVE_WITHIN_MS = 1_000

/** The maximum numbers of keys and records in a call. */
const MAX_KEYS = 50
const MAX_RECORDS = 200

/** About how many bytes of records of one key are added in a call, in bytes of `sizeBytes`. */
const MAX_BYTES = 4_000_000

/** Something that waits until a key is saved by a later call than the one with this number. */
interface Waiter {
  readonly key: ParkedKeyState
  readonly after: number
  resolve(): void
}

export interface ParkingWritesListener {
  /** Returns the content of a record, for the store. */
  contentOf(record: QueuedRecord): string
  onSaved(key: ParkedKeyState, update: ParkedKeyUpdate): void
  /** A call has ended, and its result was taken into account. */
  onEnded(): void
  /** The store cannot be written any more. */
  onFailed(error: unknown): void
}

/**
 * Saves the state of parked keys: one call at a time, with the changes of many keys that have accumulated
 * during the call before.
 */
export class ParkingWrites {
  readonly #calls: ParkingCalls
  readonly #clock: Clock
  readonly #listener: ParkingWritesListener
  /** The keys that are saved as soon as possible, in this order. */
  readonly #urgent = new Set<ParkedKeyState>()
  /** The keys that are saved when the timer fires. */
  readonly #lazy = new Set<ParkedKeyState>()
  #writing: Promise<void> | undefined
  /** The number of calls that were made. */
  #callNumber = 0
  #waiters: Waiter[] = []
  #cancelTimer: (() => void) | undefined
  #isStopped = false

  constructor(calls: ParkingCalls, clock: Clock, listener: ParkingWritesListener) {
    this.#calls = calls
    this.#clock = clock
    this.#listener = listener
  }

  get isWriting(): boolean {
    return this.#writing !== undefined
  }

  /** Saves a key now. */
  save(key: ParkedKeyState): void {
    if (this.#isStopped) return
    this.#urgent.add(key)
    this.#write()
  }

  /** Saves a key soon. */
  saveSoon(key: ParkedKeyState): void {
    if (this.#isStopped) return
    this.#lazy.add(key)
    this.#cancelTimer ??= this.#clock.setTimer(SAVE_WITHIN_MS, () => {
      this.#cancelTimer = undefined
      this.#hurry()
    })
  }

  /** Resolves when the present state of a key is saved, or can no longer be saved, however much changes. */
  saved(key: ParkedKeyState): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    this.save(key)
    return new Promise((resolve) => void this.#waiters.push({ key, after: this.#callNumber, resolve }))
  }

  /** A key is removed: it is not saved any more. */
  forget(key: ParkedKeyState): void {
    this.#urgent.delete(key)
    this.#lazy.delete(key)
    this.#resolve((waiter) => waiter.key === key)
  }

  /** Resolves when everything that has changed is saved, and nothing else has, or can no longer be saved. */
  async flush(): Promise<void> {
    this.#hurry()
    while (this.#writing !== undefined) await this.#writing
  }

  /** Saves nothing any more. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#urgent.clear()
    this.#lazy.clear()
    this.#resolve(() => true)
  }

  /** Ends the waits that match. */
  #resolve(matches: (waiter: Waiter) => boolean): void {
    const ended = this.#waiters.filter(matches)
    if (ended.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => !ended.includes(waiter))
    for (const { resolve } of ended) resolve()
  }

  #hurry(): void {
    for (const key of this.#lazy) this.#urgent.add(key)
    this.#lazy.clear()
    this.#write()
  }

  #write(): void {
    if (this.#urgent.size === 0) return
    this.#writing ??= this.#writeAll()
      .catch((error: unknown) => {
        this.#urgent.clear()
        this.#resolve(() => true)
        this.#listener.onFailed(error)
      })
      .finally(() => {
        this.#writing = undefined
        this.#listener.onEnded()
        this.#write()
      })
  }

  async #writeAll(): Promise<void> {
    // What is parked in the same turn is saved together.
    await Promise.resolve()
    while (this.#urgent.size > 0) await this.#writeSome()
  }

  async #writeSome(): Promise<void> {
    const keys: ParkedKeyState[] = []
    let updates: ParkedKeyUpdate[] = []
    let number = 0
    await this.#calls.run(async (lease) => {
      number = ++this.#callNumber
      // After a failure, the keys and records are those of the failed call, in their present state, and more.
      updates = this.#nextUpdates(keys, updates)
      await lease.save(updates)
    })
    for (const [index, update] of updates.entries()) {
      if (this.#isStopped) return
      const key = keys[index] as ParkedKeyState
      this.#listener.onSaved(key, update)
      if (key.hasPending) this.#urgent.add(key)
    }
    this.#resolve(({ key, after }) => number > after && keys.includes(key))
  }

  /**
   * Returns the updates of `keys`, to which further keys are moved as long as a call has room for them.
   *
   * @param failed - the updates of `keys` in a call that has failed: it may have taken effect.
   */
  #nextUpdates(keys: ParkedKeyState[], failed: readonly ParkedKeyUpdate[]): ParkedKeyUpdate[] {
    const { contentOf } = this.#listener
    let records = MAX_RECORDS
    const update = (key: ParkedKeyState, limit: number): ParkedKeyUpdate => {
      const next = key.nextUpdate(limit, MAX_BYTES, contentOf)
      records -= Math.max(1, next.added.length)
      return next
    }
    for (const key of keys) this.#urgent.delete(key)
    const updates = keys.map((key, index) => update(key, failed[index]?.added.length ?? 0))
    for (const key of this.#urgent) {
      if (records <= 0 || keys.length === MAX_KEYS) break
      this.#urgent.delete(key)
      keys.push(key)
      updates.push(update(key, records))
    }
    return updates
  }
}
