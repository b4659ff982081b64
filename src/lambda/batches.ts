import { backoffMs } from '../core/backoff.ts'
import type { BatchWork } from '../processing/handler.ts'
import { BatchQueue } from './batch-queue.ts'
import type { CheckedLambdaOptions } from './check-options.ts'
import type { InvokedRecord } from './invoked-record.ts'
import type { Lifetime } from './lifetime.ts'
import type { RecordAttempts } from './record-attempts.ts'

/** Handles the records in batches, in the order of their lanes, until none is left that can be handled. */
export function runBatches(
  records: readonly InvokedRecord[],
  work: BatchWork,
  { clock, random, retry }: CheckedLambdaOptions,
  attempts: RecordAttempts,
  lifetime: Lifetime,
): Promise<void> {
  const queue = new BatchQueue(records, work)

  /**
   * Attempts a batch until each of its records is settled or its lane is left to Lambda.
   * @param splits - how many times the batch was split before.
   */
  const run = async (batch: readonly InvokedRecord[], splits = 0): Promise<void> => {
    let records = batch
    for (;;) {
      records = queue.withoutBlocked(records)
      if (records.length === 0 || lifetime.isStopping) return
      const { isSplit, next, error } = await attempts.attempt(records)
      for (const [record, what] of next) if (what === 'reported') queue.block(record)
      records = records.filter((record) => next.get(record) !== 'settled')
      const [first] = records
      if (first === undefined) return
      const retries = [...next.values()].flatMap((what) => (typeof what === 'object' ? [what.retryAt] : []))
      const delayMs = backoffMs(splits + 1, { baseMs: retry.minDelayMs, capMs: retry.maxDelayMs }, random)
      const retryAt = Math.max(clock.monotonic() + (isSplit ? delayMs : 0), ...retries)
      if (!(await lifetime.waitUntil(retryAt))) {
        if (isSplit) attempts.report(first, error)
        // Later batches must not overtake what is left to Lambda.
        for (const record of records) queue.block(record)
        return
      }
      if (!isSplit || records.length === 1) continue
      // One half after the other, so a lane can have records in both.
      const middle = (records.length + 1) >> 1
      await run(records.slice(0, middle), splits + 1)
      return run(records.slice(middle), splits + 1)
    }
  }

  return new Promise((resolve, reject) => {
    let running = 0
    const startNext = () => {
      while (!lifetime.isStopping) {
        const batch = queue.take()
        if (batch.length === 0) break
        running++
        run(batch).then(() => {
          running--
          queue.release(batch)
          startNext()
        }, reject)
      }
      if (running === 0) resolve()
    }
    startNext()
  })
}
