import type { StreamRecord } from '../records/stream-record.ts'
import type { RecordHandle, RecordProgress, RecordTracker } from '../shards/shard-ledger.ts'

/** What a {@link ParkedDelivery} was read from. */
export interface ParkedOrigin {
  readonly record: StreamRecord
  readonly position: string
  /** What is known about attempts since the key was released, and about finished tasks. */
  readonly resumed: RecordProgress | undefined
  /** When it was read from the parking store, in ms since 1970. */
  readonly readAt: number
}

/**
 * A parked record whose key is being released. The token knows nothing about it: what becomes of it is saved
 * in the parking store.
 */
export class ParkedDelivery implements RecordHandle {
  readonly record: StreamRecord
  readonly sequenceNumber: string
  readonly position: string
  readonly resumed: RecordProgress | undefined
  readonly readAt: number
  readonly #onSettled: () => void
  #tracker: RecordTracker | undefined
  #isSettled = false

  constructor({ record, position, resumed, readAt }: ParkedOrigin, onSettled: () => void) {
    this.record = record
    this.sequenceNumber = record.sequenceNumber
    this.position = position
    this.resumed = resumed
    this.readAt = readAt
    this.#onSettled = onSettled
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  get progress(): RecordProgress | undefined {
    return this.#tracker === undefined ? this.resumed : this.#tracker.progress()
  }

  track(tracker: RecordTracker): void {
    this.#tracker = tracker
  }

  settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#onSettled()
    return true
  }
}
