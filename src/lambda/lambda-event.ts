import { convertLambdaRecord } from '../records/convert-lambda-record.ts'
import type { StreamRecord } from '../records/stream-record.ts'

/**
 * The event that Lambda passes to a function whose event source is a DynamoDB stream. `DynamoDBStreamEvent`
 * of `@types/aws-lambda` is assignable to it.
 */
export interface LambdaStreamEvent {
  readonly Records: readonly object[]
}

/**
 * What the library uses of the context that Lambda passes to a function. `Context` of `@types/aws-lambda` is
 * assignable to it. Without `getRemainingTimeInMillis`, as in a test, an invocation has no deadline.
 */
export interface LambdaContext {
  readonly functionName?: string | undefined
  /** The ARN that the event source mapping has invoked, with the alias or version, if it names one. */
  readonly invokedFunctionArn?: string | undefined
  getRemainingTimeInMillis?(): number
}

/** How long the invocation may still take, in ms; `Infinity` without a deadline. */
export function remainingMsOf(context: LambdaContext | undefined): number {
  return context?.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY
}

/**
 * What the function returns to Lambda. Lambda invokes it again with the records from the named one on.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export interface DynamoDBBatchResponse {
  /** The lowest sequence number that is not settled, or nothing if all records are. */
  batchItemFailures: { itemIdentifier: string }[]
}

/** A record of an event, and what it was read from. */
export interface EventRecord {
  readonly record: StreamRecord
  readonly source: object
}

/** The records of an event, which are all of one shard. */
export interface EventRecords {
  readonly streamArn: string
  readonly records: readonly EventRecord[]
}

/** Lambda does not reveal the shard of the records. */
export const UNKNOWN_SHARD = 'unknown'

/**
 * Reads an event.
 *
 * @param now - the creation time of records that have none, as in a test event, in ms since 1970.
 * @throws TypeError if it is not an event of a DynamoDB stream, if a record is incomplete (as in a test event
 * that was written by hand), or if the mapping has a tumbling window.
 */
export function readEvent(event: unknown, now: number): EventRecords {
  const { Records: records, window } = Object(event)
  if (!Array.isArray(records)) throw unexpected('has no array Records')
  if (window !== undefined && window !== null) {
    throw unexpected('is of a mapping with TumblingWindowInSeconds, which lambdaHandler does not support')
  }
  const { eventSourceARN: streamArn } = Object(records[0])
  for (const { eventSource, eventSourceARN } of records.map(Object)) {
    if ((eventSource ?? 'aws:dynamodb') !== 'aws:dynamodb') throw unexpected(`is of ${eventSource}`)
    if (eventSourceARN !== streamArn) throw unexpected('has records of several streams')
  }
  return {
    streamArn,
    records: records.map((source) => ({ record: convertLambdaRecord(source, UNKNOWN_SHARD, now), source })),
  }
}

function unexpected(problem: string): TypeError {
  return new TypeError(`lambdaHandler expects an event of a DynamoDB stream, but the event ${problem}.`)
}
