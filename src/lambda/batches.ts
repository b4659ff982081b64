import { backoffMs } from '../core/backoff.ts'
import type { BatchWork } from '../processing/handler.ts'
import { BatchQueue } from './batch-queue.ts'
import type { CheckedLambdaOptions } from './check-options.ts'
import type { InvokedRecord } from './invoked-record.ts'
import type { Lifetime } from './lifetime.ts'
import type { RecordAttempts } from './record-attempts.ts'

/** Handles the records of an invocation in batches, in the order of their lanes. */
export class Batches {
  readonly #queue: BatchQueue
  readonly #options: CheckedLambdaOptions
  readonly #attempts: RecordAttempts
  readonly #lifetime: Lifetime

  constructor(
    records: readonly InvokedRecord[],
    work: BatchWork,
    options: CheckedLambdaOptions,
    attempts: RecordAttempts,
    lifetime: Lifetime,
  ) {
    this.#queue = new BatchQueue(records, work)
    this.#options = options
    this.#attempts = attempts
    this.#lifetime = lifetime
  }

  /** Resolves when no batch is left that can be handled in this invocation. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      let running = 0
      const startNext = () => {
        while (running < this.#options.concurrency && !this.#lifetime.isStopping) {
          const batch = this.#queue.take()
          if (batch.length === 0) break
          running++
          this.#run(batch).then(() => {
            running--
            this.#queue.release(batch)
            startNext()
          }, reject)
        }
        if (running === 0) resolve()
      }
      startNext()
    })
  }

  /**
   * Attempts a batch until each of its records is settled or its lane is left to Lambda.
   * @param splits - how many times the batch was split before.
   */
  async #run(batch: readonly InvokedRecord[], splits = 0): Promise<void> {
    const { clock, random, retry } = this.#options
    let records = batch
    for (;;) {
      records = this.#queue.withoutBlocked(records)
      if (records.length === 0 || this.#lifetime.isStopping) return
      const { isSplit, next } = await this.#attempts.attempt(records)
      for (const [record, what] of next) if (what === 'reported') this.#queue.block(record)
      records = records.filter((record) => next.get(record) !== 'settled')
      const retries = [...next.values()].flatMap((what) => (typeof what === 'object' ? [what.retryAt] : []))
      const delayMs = backoffMs(splits + 1, { baseMs: retry.minDelayMs, capMs: retry.maxDelayMs }, random)
      const retryAt = Math.max(clock.monotonic() + (isSplit ? delayMs : 0), ...retries)
      if (records.length === 0 || !(await this.#lifetime.waitUntil(retryAt))) return
      if (!isSplit || records.length === 1) continue
      // One half after the other, so a lane can have records in both.
      const middle = (records.length + 1) >> 1
      await this.#run(records.slice(0, middle), splits + 1)
      await this.#run(records.slice(middle), splits + 1)
      return
    }
  }
}
