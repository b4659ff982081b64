import type { EmulatedRecord } from '../emulator/state/record.ts'
import type { FunctionIdentity } from './lambda-function.ts'
import { creationTime } from './record-age.ts'

/** Why Lambda gives up a batch and sends it to the destination. */
export type InvocationCondition = 'RetryAttemptsExhausted' | 'RecordAgeExceeded'

/**
 * The invocation record that Lambda sends to the destination of a mapping, with the members in Lambda's
 * order.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
export interface LambdaInvocationRecord {
  readonly requestContext: {
    readonly requestId: string
    readonly functionArn: string
    readonly condition: InvocationCondition
    /** 1 for records that were too old, also if the function was never invoked with them. */
    readonly approximateInvokeCount: number
  }
  /** Missing for the condition `RecordAgeExceeded`. */
  readonly responseContext?: {
    readonly statusCode: 200
    readonly executedVersion: string
    /** `null` if the function did not throw, but reported failures or returned an invalid response. */
    readonly functionError: 'Unhandled' | null
  }
  readonly version: '1.0'
  /** Only in S3: the event, `{"Records":[…]}`, as a JSON string. */
  readonly payload?: string
  readonly timestamp: string
  readonly DDBStreamBatchInfo: {
    readonly shardId: string
    readonly startSequenceNumber: string
    readonly endSequenceNumber: string
    readonly approximateArrivalOfFirstRecord: string
    readonly approximateArrivalOfLastRecord: string
    readonly batchSize: number
    readonly streamArn: string
  }
}

/** What an invocation record says. */
export interface InvocationRecordInput {
  /** At least one. */
  readonly records: readonly EmulatedRecord[]
  readonly condition: InvocationCondition
  readonly requestId: string
  /** The number of failed invocations; 1 for records that are too old. */
  readonly invocations: number
  readonly hasThrown: boolean
  readonly identity: FunctionIdentity
  readonly streamArn: string
  /** In ms since 1970. */
  readonly now: number
  /** The event as JSON, for S3. */
  readonly payload: string | undefined
}

/** Returns what Lambda sends to the destination. */
export function createInvocationRecord(input: InvocationRecordInput): LambdaInvocationRecord {
  const { records, condition, identity, payload } = input
  const first = records[0] as EmulatedRecord
  const last = records[records.length - 1] as EmulatedRecord
  const isAged = condition === 'RecordAgeExceeded'
  return {
    requestContext: {
      requestId: input.requestId,
      functionArn: identity.arn,
      condition,
      approximateInvokeCount: input.invocations,
    },
    ...(!isAged && {
      responseContext: {
        statusCode: 200,
        executedVersion: identity.version,
        functionError: input.hasThrown ? 'Unhandled' : null,
      },
    }),
    version: '1.0',
    ...(payload !== undefined && { payload }),
    timestamp: new Date(input.now).toISOString(),
    DDBStreamBatchInfo: {
      shardId: first.shardId,
      startSequenceNumber: first.sequenceNumber,
      endSequenceNumber: last.sequenceNumber,
      approximateArrivalOfFirstRecord: toIsoSeconds(creationTime(first)),
      approximateArrivalOfLastRecord: toIsoSeconds(creationTime(last)),
      batchSize: records.length,
      streamArn: input.streamArn,
    },
  }
}

/**
 * Returns the key of Lambda's object in S3:
 * `aws/lambda/<uuid of the mapping>/<shard id>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random uuid>`.
 */
export function objectKey(record: LambdaInvocationRecord, mappingId: string, objectId: string): string {
  const [date = '', time = ''] = record.timestamp.slice(0, 19).split('T')
  const { shardId } = record.DDBStreamBatchInfo
  const day = date.replaceAll('-', '/')
  return `aws/lambda/${mappingId}/${shardId}/${day}/${date}T${time.replaceAll(':', '.')}-${objectId}`
}

function toIsoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
