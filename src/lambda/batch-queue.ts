import type { BatchWork } from '../processing/handler.ts'
import type { InvokedRecord } from './invoked-record.ts'

/**
 * The records of an invocation that are in no batch yet. A lane is in one batch at a time, so that its
 * records are handled in order.
 */
export class BatchQueue {
  readonly #batchSize: number
  readonly #maxBatchBytes: number
  /** The lanes of batches that are being handled. */
  readonly #busy = new Set<string>()
  /** The lanes of records that are reported to Lambda: nothing more of them is attempted. */
  readonly #blocked = new Set<string>()
  #waiting: readonly InvokedRecord[]

  constructor(records: readonly InvokedRecord[], { batchSize, maxBatchBytes }: BatchWork) {
    this.#waiting = records
    this.#batchSize = batchSize
    this.#maxBatchBytes = maxBatchBytes ?? Number.POSITIVE_INFINITY
  }

  /** Takes the next batch: the oldest records whose lanes are free. May be empty. */
  take(): readonly InvokedRecord[] {
    const batch: InvokedRecord[] = []
    const skipped: InvokedRecord[] = []
    const unavailable = new Set([...this.#busy, ...this.#blocked])
    let bytes = 0
    let index = 0
    for (; index < this.#waiting.length && batch.length < this.#batchSize; index++) {
      const record = this.#waiting[index] as InvokedRecord
      const { sizeBytes } = record.record
      const fits = batch.length === 0 || (bytes + sizeBytes <= this.#maxBatchBytes && !record.mustFilter)
      if (fits && !unavailable.has(record.laneKey)) {
        batch.push(record)
        bytes += sizeBytes
      } else {
        unavailable.add(record.laneKey)
        skipped.push(record)
      }
      // The filter decides about it before its attempt, so it is alone.
      if (batch[0]?.mustFilter) {
        index++
        break
      }
    }
    this.#waiting = [...skipped, ...this.#waiting.slice(index)]
    for (const { laneKey } of batch) this.#busy.add(laneKey)
    return batch
  }

  /** A batch has ended. */
  release(batch: readonly InvokedRecord[]): void {
    for (const { laneKey } of batch) this.#busy.delete(laneKey)
  }

  /** Attempts nothing more of the lane of a record. */
  block({ laneKey }: InvokedRecord): void {
    this.#blocked.add(laneKey)
  }

  withoutBlocked(records: readonly InvokedRecord[]): readonly InvokedRecord[] {
    return records.filter(({ laneKey }) => !this.#blocked.has(laneKey))
  }
}
