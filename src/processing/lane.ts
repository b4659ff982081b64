import type { QueuedRecord } from './queued-record.ts'

/** What a lane does now. */
export type LaneState =
  /** A record can be started as soon as there is a slot. */
  | 'ready'
  /** Some of its records are in a running attempt, or in a part of a failed batch. */
  | 'running'
  /** Its first record is retried later. */
  | 'waiting'
  /** It waits for a dead letter to be accepted, or for the lanes of ancestor shards. */
  | 'held'

/**
 * The queue of one item key or shard (or, without an order, of a single record). At most one attempt of a
 * lane runs at a time, with its first records. A lane exists only while it has unsettled records.
 */
export class Lane {
  /** Undefined for a lane of a single record, without an order. */
  readonly key: string | undefined
  #records: QueuedRecord[] = []
  /** The index of the first record in `#records`. */
  #first = 0
  #state: LaneState = 'ready'
  #isFailing = false
  /** When its first record is retried, in monotonic ms. */
  #dueAt = 0
  /** Dead letters that are not accepted yet, and lanes of ancestors that are not empty. */
  #holds = 0
  /** Lanes of descendant shards that wait until this one is empty. */
  #waiters: Lane[] | undefined

  constructor(key: string | undefined) {
    this.key = key
  }

  get state(): LaneState {
    return this.#state
  }

  /** The number of its first record. The lane must not be empty. */
  get ordinal(): number {
    return this.head.ordinal
  }

  get length(): number {
    return this.#records.length - this.#first
  }

  /** Whether an attempt of its first record has failed, so that it waits for a retry, or is being retried. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  get dueAt(): number {
    return this.#dueAt
  }

  /** The first record. The lane must not be empty. */
  get head(): QueuedRecord {
    return this.#records[this.#first] as QueuedRecord
  }

  at(index: number): QueuedRecord | undefined {
    return this.#records[this.#first + index]
  }

  push(record: QueuedRecord): void {
    this.#records.push(record)
  }

  /** Removes and returns the first `count` records. */
  take(count: number): QueuedRecord[] {
    const taken = this.#records.slice(this.#first, this.#first + count)
    this.#first += taken.length
    if (this.#first === this.#records.length) {
      this.#records.length = 0
      this.#first = 0
    } else if (this.#first >= 1_024) {
      this.#records.splice(0, this.#first)
      this.#first = 0
    }
    return taken
  }

  /** Puts records that were taken back in front. */
  putBack(records: readonly QueuedRecord[]): void {
    this.#records.splice(0, this.#first, ...records)
    this.#first = 0
  }

  /** Marks it as ready: a record can be started. */
  becomeReady(): void {
    this.#state = 'ready'
  }

  /** Marks it as running: some of its first records were taken. */
  start(): void {
    this.#state = 'running'
  }

  /** Its first record is retried at `dueAt` (monotonic ms). */
  wait(dueAt: number): void {
    this.#state = 'waiting'
    this.#dueAt = dueAt
  }

  /** Its first record has failed (true), or the first record that had failed is done (false). */
  markFailing(isFailing: boolean): void {
    this.#isFailing = isFailing
  }

  /** Adds a reason to hold it. */
  hold(): void {
    this.#state = 'held'
    this.#holds++
  }

  /** Ends one reason to hold it. */
  releaseHold(): void {
    this.#holds--
  }

  get isHeld(): boolean {
    return this.#holds > 0
  }

  /** `other` waits until this lane is empty. */
  addWaiter(other: Lane): void {
    this.#waiters ??= []
    this.#waiters.push(other)
    other.hold()
  }

  /** Returns the lanes that waited until this one is empty. */
  takeWaiters(): readonly Lane[] {
    const waiters = this.#waiters ?? []
    this.#waiters = undefined
    return waiters
  }
}
