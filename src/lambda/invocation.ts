import { StreamError } from '../core/errors.ts'
import type { Work } from '../processing/handler.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { runBatches } from './batches.ts'
import type { CheckedLambdaOptions } from './check-options.ts'
import { InvokedRecord } from './invoked-record.ts'
import type { EventRecord } from './lambda-event.ts'
import { type Lane, lanesOf } from './lanes.ts'
import type { Lifetime } from './lifetime.ts'
import type { RecordAttempts } from './record-attempts.ts'

/**
 * Handles the records of one invocation until all are settled, or its deadline.
 *
 * @returns the records, of which those that are not settled are to be reported to Lambda. What is handled
 * after this changes nothing.
 */
export async function invoke(
  events: readonly EventRecord[],
  work: Work,
  options: CheckedLambdaOptions,
  attempts: RecordAttempts,
  lifetime: Lifetime,
): Promise<readonly InvokedRecord[]> {
  /** Attempts a record until it is settled; returns false if it is reported to Lambda. */
  const handleRecord = async (record: InvokedRecord): Promise<boolean> => {
    for (;;) {
      const what = (await attempts.attempt([record])).next.get(record)
      if (what === 'settled') return true
      if (typeof what !== 'object' || !(await lifetime.waitUntil(what.retryAt))) return false
    }
  }
  /** Handles records one after the other, up to the first one that is reported to Lambda. */
  const handleLane = async ({ records }: Lane): Promise<void> => {
    for (const record of records) if (!(await handleRecord(record))) return
  }
  const invoked = events.map(
    (event, index) => new InvokedRecord(event, laneKeyOf(event.record, index, options.order)),
  )
  for (const record of invoked) attempts.filter(record)
  const left = invoked.filter(({ isSettled }) => !isSettled)
  const handling =
    work.form === 'batch'
      ? runBatches(left, work, options, attempts, lifetime)
      : Promise.all(lanesOf(left).map(handleLane))
  await lifetime.limit(handling, () => {
    lifetime.stop()
    attempts.abort(new StreamError('closed', 'The time of the invocation is almost over.', {}))
  })
  return invoked
}

function laneKeyOf(record: StreamRecord, index: number, order: 'key' | 'shard' | 'none'): string {
  if (order === 'key') return record.itemKey
  return order === 'shard' ? '' : String(index)
}
