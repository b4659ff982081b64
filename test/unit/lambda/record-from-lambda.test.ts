import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import { Logger } from '@aws-lambda-powertools/logger'
import type { Context, DynamoDBRecord, DynamoDBStreamHandler } from 'aws-lambda'
import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { StreamRecord } from '../../../src/index.ts'
import { lambdaHandler, recordFromLambda } from '../../../src/lambda/index.ts'
import { CREATED_AT, eventOf, lambdaRecord } from './support.ts'

describe('recordFromLambda', () => {
  test('returns the record of an event', () => {
    const record = recordFromLambda<{ id: string; n: number }>(lambdaRecord(7, 'a'))
    expect(record).toBeInstanceOf(StreamRecord)
    expect(record).toMatchObject({
      eventId: 'e7',
      eventName: 'MODIFY',
      shardId: 'unknown',
      sequenceNumber: '7',
      createdAt: new Date(CREATED_AT * 1000),
      keys: { id: 'a' },
      newImage: { id: 'a', n: 7 },
      oldImage: undefined,
      isTtlDelete: false,
    })
    expectTypeOf(record.newImage).toEqualTypeOf<{ id: string; n: number } | undefined>()
  })

  test('recognizes the deletion of an expired item', () => {
    const userIdentity = { type: 'Service', principalId: 'dynamodb.amazonaws.com' }
    expect(recordFromLambda({ ...lambdaRecord(1), eventName: 'REMOVE', userIdentity }).isTtlDelete).toBe(true)
  })

  test('refuses what is not a record of a DynamoDB stream, without its values', () => {
    const { dynamodb: _, ...kinesis } = lambdaRecord(1)
    expect(() => recordFromLambda({ ...kinesis, kinesis: { data: 'secret' } })).toThrow(
      'Invalid stream record: dynamodb must be an object.',
    )
  })

  test("is used in the record handler of Powertools' BatchProcessor", async () => {
    const processor = new BatchProcessor(EventType.DynamoDBStreams)
    const seen: unknown[] = []
    const recordHandler = async (record: DynamoDBRecord) => {
      const { newImage } = recordFromLambda<{ n: number }>(record)
      if (newImage?.n === 2) throw new Error('no')
      seen.push(newImage?.n)
    }
    const response = await processPartialResponse(eventOf('a', 'b', 'c'), recordHandler, processor)
    expect(response).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] })
    expect(seen).toEqual([1, 3])
  })
})

describe('a function of lambdaHandler', () => {
  test('is a DynamoDBStreamHandler of @types/aws-lambda, and accepts its context', async () => {
    const handler = lambdaHandler(() => {})
    const typed: DynamoDBStreamHandler = handler
    expect(typed).toBe(handler)
    expect(await handler(eventOf('a'), {} as Context)).toEqual({ batchItemFailures: [] })
  })

  test('logs failures with the logger of Powertools', async () => {
    // Otherwise it writes to a console of its own.
    vi.stubEnv('POWERTOOLS_DEV', 'true')
    const write = vi.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      const logger = new Logger({ serviceName: 'indexer' })
      const handler = lambdaHandler(
        ({ sequenceNumber }) => {
          if (sequenceNumber === '2') throw new Error('no')
        },
        { logger, retry: { maxAttempts: 1 } },
      )
      expect(await handler(eventOf('a', 'b'))).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] })
      const [line] = write.mock.calls.flat()
      expect(JSON.parse(String(line))).toMatchObject({ service: 'indexer', error: { message: 'no' } })
    } finally {
      write.mockRestore()
      vi.unstubAllEnvs()
    }
  })
})
