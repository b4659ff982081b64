import type { DeadLetter } from '../../src/destinations/destination.ts'
import { createDeadLetter, type LetterInput } from '../../src/processing/dead-letter.ts'
import { toLambdaRecord } from '../../src/records/lambda-record.ts'
import { StreamRecord } from '../../src/records/stream-record.ts'
import type { RawRecord } from '../../src/wire/wire-record.ts'

export const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'
export const shardId = 'shardId-00000001767225600000-0a1b2c3d'

const createdAt = new Date('2026-01-02T03:04:05Z')

/** The change of an order, as the service returns it, with other images if they are passed. */
export function rawRecord(images: Partial<NonNullable<RawRecord['dynamodb']>> = {}): RawRecord {
  return {
    eventID: '1a2b3c4d5e6f708192a3b4c5d6e7f809',
    eventName: 'MODIFY',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: createdAt,
      Keys: { id: { S: 'order-1' } },
      NewImage: { id: { S: 'order-1' }, total: { N: '12345678901234567890123456789012345678' } },
      OldImage: { id: { S: 'order-1' }, photo: { B: new Uint8Array([0, 255, 62, 63]) } },
      SequenceNumber: '421000000000012345678901',
      SizeBytes: 94,
      StreamViewType: 'NEW_AND_OLD_IMAGES',
      ...images,
    },
  }
}

export function recordOf(raw: RawRecord = rawRecord()): StreamRecord {
  return new StreamRecord(raw, { shardId }, createdAt.getTime())
}

/** Creates the letter of a record that was given up after three attempts. */
export function letterOf(changes: Partial<LetterInput> = {}): DeadLetter {
  const { record = recordOf() } = changes
  return createDeadLetter({
    record,
    lambdaRecord: () => toLambdaRecord(record, changes.streamArn ?? streamArn),
    condition: 'RetryAttemptsExhausted',
    reason: 'The handler failed 3 times.',
    error: Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:5432'), { code: 'ECONNREFUSED' }),
    isReported: false,
    attempts: 3,
    firstFailedAt: Date.UTC(2026, 0, 2, 3, 4, 6, 7),
    lastFailedAt: Date.UTC(2026, 0, 2, 3, 10, 0, 250),
    name: 'indexer',
    streamArn,
    ...changes,
  })
}
