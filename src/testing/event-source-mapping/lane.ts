import type { EmulatedRecord } from '../emulator/state/record.ts'
import type { Batch } from './plan.ts'

/** The maximum size of an event, in bytes (Lambda quotas, "Invocation payload"). */
const MAX_EVENT_BYTES = 6 * 1024 * 1024
const EVENT_OVERHEAD_BYTES = '{"Records":[]}'.length

/** A record that waits for its first invocation. */
interface WaitingRecord {
  readonly record: EmulatedRecord
  /** The size of its JSON. */
  readonly bytes: number
  /** When it was read, in monotonic ms. */
  readonly readAt: number
}

/** When a batch is complete. */
export interface BatchLimits {
  readonly batchSize: number
  readonly windowMs: number
}

/**
 * The records of a shard that are processed one batch at a time: all of them or, with a
 * `ParallelizationFactor`, those of some keys.
 */
export class Lane {
  /** Whether a batch of it is being processed. */
  isRunning = false
  #waiting: WaitingRecord[] = []
  #waitingBytes = 0
  #planned: readonly Batch<EmulatedRecord>[] = []

  get isEmpty(): boolean {
    return !this.isRunning && this.#waiting.length === 0 && this.#planned.length === 0
  }

  add(record: EmulatedRecord, bytes: number, readAt: number): void {
    this.#waiting.push({ record, bytes, readAt })
    this.#waitingBytes += bytes + 1
  }

  /** Puts batches before all others, those of earlier plans included. */
  planFirst(batches: readonly Batch<EmulatedRecord>[]): void {
    this.#planned = [...batches, ...this.#planned]
  }

  /** Whether there is a batch to process: one that was planned, or a new one that is complete. */
  isDue(now: number, limits: BatchLimits): boolean {
    const [first] = this.#waiting
    if (this.#planned.length > 0) return true
    if (first === undefined) return false
    return (
      this.#waiting.length >= limits.batchSize ||
      this.#waitingBytes + EVENT_OVERHEAD_BYTES > MAX_EVENT_BYTES ||
      now - first.readAt >= limits.windowMs
    )
  }

  /** Removes and returns the next batch. There must be one. */
  take(
    batchSize: number,
    createBatch: (records: readonly EmulatedRecord[]) => Batch<EmulatedRecord>,
  ): Batch<EmulatedRecord> {
    const [planned, ...others] = this.#planned
    if (planned !== undefined) {
      this.#planned = others
      return planned
    }
    let count = 0
    let bytes = EVENT_OVERHEAD_BYTES
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes + 1
      // A single record is always admitted.
      if (count === batchSize || (bytes > MAX_EVENT_BYTES && count > 0)) break
      count++
    }
    const taken = this.#waiting.splice(0, count)
    for (const waiting of taken) this.#waitingBytes -= waiting.bytes + 1
    return createBatch(taken.map(({ record }) => record))
  }
}
