import { describeError } from '../core/describe-error.ts'
import { truncateBytes } from '../core/truncate-bytes.ts'
import type {
  DeadLetter,
  DeadLetterCondition,
  DeadLetterFailure,
  InvocationRecord,
} from '../destinations/destination.ts'
import { hashItemKey } from '../records/item-key.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { deriveLetterId } from './letter-id.ts'

/** What is known of a record that is given up. */
export interface LetterInput {
  readonly record: StreamRecord
  /** Returns the record as in an event that Lambda passes to a function. */
  readonly lambdaRecord: () => object
  readonly condition: DeadLetterCondition
  readonly reason: string
  /** What the last attempt threw, or the name and code from a loaded checkpoint; undefined for neither. */
  readonly error?: unknown
  /** Whether the handler reported the failure, as in `batchItemFailures`, instead of throwing an error. */
  readonly isReported: boolean
  /** The number of attempts that count. */
  readonly attempts: number
  /** In ms since 1970. */
  readonly firstFailedAt: number
  /** In ms since 1970. */
  readonly lastFailedAt: number
  readonly task?: string | undefined
  /** The name of the run. */
  readonly name: string
  /** The ARN of the Lambda function; undefined outside of Lambda. */
  readonly functionArn?: string | undefined
  readonly streamArn: string
}

const MAX_REASON_BYTES = 1024

/**
 * Creates the dead letter of one record. Never throws because of what a handler has thrown. The
 * invocation record is created each time that a destination asks for it.
 */
export function createDeadLetter(input: LetterInput): DeadLetter {
  const { record, condition } = input
  const id = deriveLetterId({
    name: input.name,
    streamArn: input.streamArn,
    shardId: record.shardId,
    sequenceNumber: record.sequenceNumber,
    task: input.task,
    condition,
  })
  const failure = failureOf(input)
  return Object.freeze({
    id,
    records: Object.freeze([record]),
    condition,
    failure,
    invocationRecord: () => invocationRecordOf(id, input, failure),
  })
}

function failureOf(input: LetterInput): DeadLetterFailure {
  const error = isErrorKnown(input) ? describeError(input.error) : undefined
  return Object.freeze({
    reason: truncateBytes(String(input.reason), MAX_REASON_BYTES),
    ...(error !== undefined && { error }),
    attempts: input.attempts,
    firstFailedAt: new Date(validTime(input.firstFailedAt)),
    lastFailedAt: new Date(validTime(input.lastFailedAt)),
    ...(input.task !== undefined && { task: input.task }),
    keyHash: hashItemKey(input.record.itemKey),
  })
}

/** If the last attempt failed and the handler did not report it, it has thrown: `undefined`, for example. */
function isErrorKnown({ error, condition, isReported }: LetterInput): boolean {
  return error !== undefined || (condition === 'RetryAttemptsExhausted' && !isReported)
}

function invocationRecordOf(id: string, input: LetterInput, failure: DeadLetterFailure): InvocationRecord {
  const { record, condition, streamArn } = input
  const arrival = toIsoSeconds(record.createdAt.getTime())
  return {
    requestContext: {
      requestId: id,
      functionArn: input.functionArn ?? input.name,
      condition,
      approximateInvokeCount: Math.max(1, input.attempts),
    },
    ...(hasResponse(condition) && {
      responseContext: {
        statusCode: 200,
        executedVersion: '$LATEST',
        functionError: input.isReported ? null : 'Unhandled',
      },
    }),
    version: '1.0',
    payload: JSON.stringify({ Records: [input.lambdaRecord()] }),
    timestamp: failure.lastFailedAt.toISOString(),
    DDBStreamBatchInfo: {
      shardId: record.shardId,
      startSequenceNumber: record.sequenceNumber,
      endSequenceNumber: record.sequenceNumber,
      approximateArrivalOfFirstRecord: arrival,
      approximateArrivalOfLastRecord: arrival,
      batchSize: 1,
      streamArn,
    },
    failure: {
      ...failure,
      firstFailedAt: failure.firstFailedAt.toISOString(),
      lastFailedAt: failure.lastFailedAt.toISOString(),
    },
  }
}

/** Lambda omits the response if the function was not invoked with the record: it is too old, or invalid. */
function hasResponse(condition: DeadLetterCondition): boolean {
  return condition !== 'RecordAgeExceeded' && condition !== 'Invalid'
}

/** Lambda writes the arrival of a record without a fraction: `2019-11-14T00:13:19Z`. */
function toIsoSeconds(ms: number): string {
  return `${new Date(validTime(ms)).toISOString().slice(0, 19)}Z`
}

/** A letter with a wrong time is better than one that can never be written. */
function validTime(ms: number): number {
  return Number.isNaN(new Date(ms).getTime()) ? 0 : ms
}
