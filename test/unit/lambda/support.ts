import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import type { LambdaContext, LambdaLogger } from '../../../src/lambda/index.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

export const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'
export const functionArn = 'arn:aws:lambda:eu-west-1:123456789012:function:indexer'

/** When the records of {@link eventOf} were written, in seconds since 1970. */
export const CREATED_AT = 1_767_323_045

/** A record as Lambda passes it to a function. */
export function lambdaRecord(sequenceNumber: number, key = `k${sequenceNumber}`): DynamoDBRecord {
  return {
    eventID: `e${sequenceNumber}`,
    eventName: 'MODIFY' as const,
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: CREATED_AT,
      Keys: { id: { S: key } },
      NewImage: { id: { S: key }, n: { N: String(sequenceNumber) } },
      SequenceNumber: String(sequenceNumber),
      SizeBytes: 20,
      StreamViewType: 'NEW_AND_OLD_IMAGES' as const,
    },
    eventSourceARN: streamArn,
  }
}

/** An event with one record for each key; their sequence numbers are 1, 2, 3… */
export function eventOf(...keys: readonly string[]): DynamoDBStreamEvent {
  return { Records: keys.map((key, index) => lambdaRecord(index + 1, key)) }
}

/** An event with records of different keys. */
export function eventWith(count: number): DynamoDBStreamEvent {
  return eventOf(...Array.from({ length: count }, (_, index) => `k${index + 1}`))
}

export function clockAt(seconds: number = CREATED_AT + 1): ManualClock {
  return new ManualClock(seconds * 1000)
}

/** A context with a deadline on the clock. */
export function contextOf(clock: ManualClock, remainingMs: number): LambdaContext {
  const deadline = clock.monotonic() + remainingMs
  return {
    functionName: 'indexer',
    invokedFunctionArn: functionArn,
    getRemainingTimeInMillis: () => deadline - clock.monotonic(),
  }
}

interface TestLogger extends LambdaLogger {
  readonly lines: readonly { readonly message: string; readonly error: unknown }[]
}

/** A logger that keeps what it is given. */
export function testLogger(): TestLogger {
  const lines: { message: string; error: unknown }[] = []
  return {
    lines,
    warn(message, ...[error]) {
      lines.push({ message, error })
    },
  }
}

/** Lets promises settle without moving a clock. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export const quiet: LambdaLogger = testLogger()

/** Retries that take no time. */
export const atOnce = { minDelayMs: 0, maxDelayMs: 0 }

/** The response when every record is settled. */
export const noFailures: DynamoDBBatchResponse = { batchItemFailures: [] }

/** The response that makes Lambda repeat the records from this sequence number on. */
export function failedFrom(sequenceNumber: number): DynamoDBBatchResponse {
  return { batchItemFailures: [{ itemIdentifier: String(sequenceNumber) }] }
}
