import { describe, expect, it } from 'vitest'
import type { LambdaInvocationRecord } from '../../../../src/testing/index.ts'
import { mappingFixture, type Options, reports, reportsFor, throwsFor } from './fixture.ts'

const queue = 'arn:aws:sqs:us-east-1:123456789012:failed'
const bucket = 'arn:aws:s3:::failed'
const destination = (Destination: string): Options => ({
  MaximumRetryAttempts: 1,
  FunctionName: 'indexer:live',
  DestinationConfig: { OnFailure: { Destination } },
})

describe('the invocation record of an emulated mapping', () => {
  it('a queue receives metadata only, in the order of Lambda', async () => {
    const { emulator, put, process } = mappingFixture()
    const [first, last] = put(1, 2)
    const sent: unknown[][] = []
    const { delivered } = await process(throwsFor('2'), {
      ...destination(queue),
      onFailure: (...call) => sent.push(call),
    })
    const requestId = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    const expected = {
      requestContext: {
        requestId,
        functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:indexer:live',
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: 2,
      },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      version: '1.0',
      timestamp: '2026-01-01T00:00:00.500Z',
      DDBStreamBatchInfo: {
        shardId: first?.shardId,
        startSequenceNumber: first?.sequenceNumber,
        endSequenceNumber: last?.sequenceNumber,
        approximateArrivalOfFirstRecord: '2026-01-01T00:00:00Z',
        approximateArrivalOfLastRecord: '2026-01-01T00:00:00Z',
        batchSize: 2,
        streamArn: emulator.streamArn,
      },
    }
    expect(delivered).toEqual([expected])
    expect(Object.keys(delivered[0] ?? {})).toEqual(Object.keys(expected))
    expect(sent).toEqual([[delivered[0]]])
  })

  it('a bucket also receives the event, as a JSON string, under a key with the layout of Lambda', async () => {
    const { put, process } = mappingFixture()
    const [record] = put(1)
    let event: unknown
    let key: string | undefined
    const { delivered } = await process(
      async (received) => {
        event = received
        throw new Error('The handler has failed.')
      },
      {
        ...destination(bucket),
        onFailure: (_record: LambdaInvocationRecord, s3Key?: string) => {
          key = s3Key
        },
      },
    )
    expect(Object.keys(delivered[0] ?? {})).toEqual([
      ...['requestContext', 'responseContext', 'version', 'payload', 'timestamp', 'DDBStreamBatchInfo'],
    ])
    expect(JSON.parse(delivered[0]?.payload ?? '')).toEqual(event)
    expect(key).toMatch(
      new RegExp(
        `^aws/lambda/[0-9a-f-]{36}/${record?.shardId}/2026/01/01/2026-01-01T00\\.00\\.00-[0-9a-f-]{36}$`,
      ),
    )
  })

  it('functionError is null if the failure was reported, and Unhandled after a timeout', async () => {
    const { put, process, clock } = mappingFixture()
    put(1)
    const reported = await process(reportsFor('1'), { ...destination(queue), ...reports })
    expect(reported.delivered[0]?.responseContext?.functionError).toBeNull()
    const timedOut = await process(
      () => new Promise<void>((resolve) => clock.setTimer(3_001, resolve)),
      destination(queue),
    )
    expect(timedOut.delivered[0]?.responseContext?.functionError).toBe('Unhandled')
    expect(timedOut.discarded).toMatchObject([{ destination: 'delivered' }])
  })
})
