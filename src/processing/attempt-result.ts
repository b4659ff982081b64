import { errorTypeOf } from '../telemetry/error-type.ts'
import type { CallResult } from '../telemetry/run-telemetry.ts'
import type { BatchOutcome, CallOutcome, RecordOutcome } from './attempt-outcome.ts'

const succeeded: CallResult = { failed: 0, errorType: undefined }

/**
 * Returns what telemetry says about the outcome of an attempt. The reasons of rejected and invalid records,
 * and messages of errors, can contain values of an item, so they are not part of it.
 *
 * @param records - the number of records of the attempt.
 */
export function resultOf(outcome: RecordOutcome | BatchOutcome, records: number): CallResult {
  if (!('kind' in outcome)) return resultOfRecord(outcome)
  const { rejected, invalid } = outcome
  if (outcome.kind === 'batchFailed') return { failed: records, errorType: errorTypeOf(outcome.error) }
  const { failed } = outcome
  if (failed.size > 0) {
    return { failed: failed.size + rejected.size + invalid.size, errorType: 'BatchItemFailure' }
  }
  if (rejected.size > 0) return { failed: rejected.size + invalid.size, errorType: 'Rejected' }
  return invalid.size > 0 ? { failed: invalid.size, errorType: 'Invalid' } : succeeded
}

function resultOfRecord(outcome: RecordOutcome): CallResult {
  if (outcome.result === 'invalid') return { failed: 1, errorType: 'Invalid' }
  const failure = outcome.result === 'tasks' ? outcome.tasks.find(isFailure) : outcome
  return failure === undefined || !isFailure(failure)
    ? succeeded
    : { failed: 1, errorType: errorTypeOfCall(failure) }
}

function isFailure({ result }: CallOutcome): boolean {
  return result !== 'handled'
}

function errorTypeOfCall(failure: CallOutcome): string | undefined {
  switch (failure.result) {
    case 'handled':
      return undefined
    case 'rejected':
      return 'Rejected'
    case 'failed':
      return failure.isReported ? 'BatchItemFailure' : errorTypeOf(failure.error)
  }
}
