import type { AttemptOutcome, RecordOutcome } from './attempt-outcome.ts'

/** What an attempt means for one record. */
export type RecordResult =
  | RecordOutcome
  /** It was not to blame: another record of its lane, before it, has failed. It runs again. */
  | { readonly result: 'repeat' }

/** What an attempt of a batch means for its records. */
export interface BatchReading<R> {
  /** Whether the batch must be split, because it is not known which of its records has failed. */
  readonly isSplit: boolean
  readonly results: ReadonlyMap<R, RecordResult>
}

const handled: RecordResult = { result: 'handled' }
const repeat: RecordResult = { result: 'repeat' }

/**
 * Reads the outcome of a batch of two or more records, lane by lane: from the first record that has failed
 * on, the records of a lane run again. With `order: 'shard'`, where a batch is of one lane, this is how
 * Lambda reads a response; with `'key'` it is the same per key; without an order, each record is a lane, so
 * exactly the named ones run again. Only the first failed record of a lane spends an attempt.
 */
export function readBatchOutcome<R extends { readonly sequenceNumber: string }>(
  lanes: Iterable<{ readonly records: readonly R[] }>,
  outcome: Exclude<AttemptOutcome, { kind: 'record' }>,
): BatchReading<R> {
  const results = new Map<R, RecordResult>()
  for (const { records } of lanes) {
    let hasFailed = false
    for (const record of records) {
      const result: RecordResult = hasFailed ? repeat : resultOf(record.sequenceNumber, outcome)
      hasFailed ||= result.result === 'failed' || result.result === 'repeat'
      results.set(record, result)
    }
  }
  return { isSplit: outcome.kind === 'batchFailed', results }
}

function resultOf(
  sequenceNumber: string,
  outcome: Exclude<AttemptOutcome, { kind: 'record' }>,
): RecordResult {
  const invalid = outcome.invalid.get(sequenceNumber)
  if (invalid !== undefined) return { result: 'invalid', reason: invalid }
  const rejected = outcome.rejected.get(sequenceNumber)
  if (rejected !== undefined) return { result: 'rejected', reason: rejected }
  if (outcome.kind === 'batchFailed') return repeat
  if (outcome.failed.has(sequenceNumber)) return { result: 'failed', error: undefined, isReported: true }
  return handled
}
