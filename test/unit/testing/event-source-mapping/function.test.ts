import type { Context, DynamoDBStreamHandler } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import {
  emulateEventSourceMapping,
  type LambdaContext,
  type LambdaStreamEvent,
} from '../../../../src/testing/index.ts'
import { batchesOf, idsOf, mappingFixture, reports } from './fixture.ts'

describe('the function of an emulated mapping', () => {
  it('receives the event of Lambda: JSON, with the ARN of the stream', async () => {
    const { emulator, process } = mappingFixture()
    const record = emulator.put({ id: 'a', photo: new Uint8Array([0, 255]), n: 7 })
    let event: LambdaStreamEvent | undefined
    await process(async (received) => {
      event = received
    })
    expect(event).toEqual({
      Records: [
        {
          eventID: record?.eventId,
          eventName: 'INSERT',
          eventVersion: '1.1',
          eventSource: 'aws:dynamodb',
          awsRegion: 'us-east-1',
          dynamodb: {
            ApproximateCreationDateTime: Date.UTC(2026, 0, 1) / 1000,
            Keys: { id: { S: 'a' } },
            NewImage: { id: { S: 'a' }, photo: { B: 'AP8=' }, n: { N: '7' } },
            SequenceNumber: record?.sequenceNumber,
            SizeBytes: expect.any(Number),
            StreamViewType: 'NEW_AND_OLD_IMAGES',
          },
          eventSourceARN: emulator.streamArn,
        },
      ],
    })
  })

  it('receives a context with the qualified ARN and the remaining time', async () => {
    const { clock, put, process } = mappingFixture()
    put(1)
    const remaining: number[] = []
    let context: LambdaContext | undefined
    await process(
      async (_event, received) => {
        context = received
        remaining.push(received.getRemainingTimeInMillis())
        await new Promise<void>((resolve) => clock.setTimer(1_200, resolve))
        remaining.push(received.getRemainingTimeInMillis())
      },
      { FunctionName: 'indexer:7', timeoutMs: 5_000 },
    )
    expect(remaining).toEqual([5_000, 3_800])
    expect(context).toMatchObject({
      functionName: 'indexer',
      functionVersion: '7',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:indexer:7',
      logGroupName: '/aws/lambda/indexer',
      logStreamName: expect.stringMatching(/^2026\/01\/01\/\[7\][0-9a-f]{32}$/),
    })
  })

  it('receives a copy of the event for each attempt, so that changing it has no effect', async () => {
    const { put, process } = mappingFixture()
    put(1)
    const seen: string[] = []
    await process(
      async (event) => {
        seen.push(JSON.stringify(event))
        ;(event.Records as unknown[]).length = 0
        throw new Error('The handler has failed.')
      },
      { MaximumRetryAttempts: 1 },
    )
    expect(seen[1]).toBe(seen[0])
  })

  it('that takes longer than its timeout fails, and what it returns later is ignored', async () => {
    const { clock, put, process } = mappingFixture()
    put(1, 2)
    let calls = 0
    const mapping = await process(async (event) => {
      // The second attempt is quick, and ends before the first one.
      if (++calls === 1) await new Promise<void>((resolve) => clock.setTimer(60_000, resolve))
      return { batchItemFailures: [{ itemIdentifier: event.Records[0]?.dynamodb?.SequenceNumber }] }
    })
    await clock.advance(120_000)
    expect(mapping.invocations.map(({ outcome }) => outcome)).toEqual(['timedOut', 'succeeded'])
    expect(mapping.invocations[0]?.error).toMatchObject({
      message: expect.stringContaining('after 3.00 seconds'),
    })
    expect(idsOf(mapping.handled)).toBe('12')
  })

  it('fails if its response cannot be written as JSON, or has more than 6 MB', async () => {
    const { put, process } = mappingFixture()
    put(1)
    const big = await process(async () => ({ n: 1n }), { MaximumRetryAttempts: 0 })
    const large = await process(async () => 'x'.repeat(6 * 1024 * 1024), { MaximumRetryAttempts: 0 })
    expect([...big.invocations, ...large.invocations].map(({ outcome }) => outcome)).toEqual([
      'threw',
      'threw',
    ])
  })

  it.each([
    ['throws undefined', () => Promise.reject(undefined)],
    [
      'throws synchronously',
      () => {
        throw new Error('The handler has failed.')
      },
    ],
  ])('fails if it %s', async (_title, handler) => {
    const { put, process } = mappingFixture()
    put(1)
    const mapping = await process(handler, { MaximumRetryAttempts: 0 })
    expect(mapping.invocations.map(({ outcome }) => outcome)).toEqual(['threw'])
  })

  it('may respond with a callback, if it declares one', async () => {
    const { clock, put, process } = mappingFixture()
    put(1, 2)
    let calls = 0
    const mapping = await process((event, _context, callback) => {
      const itemIdentifier = event.Records[1]?.dynamodb?.SequenceNumber
      clock.setTimer(10, () =>
        ++calls === 1
          ? callback(null, { batchItemFailures: [{ itemIdentifier }] })
          : callback(calls === 2 ? new Error('The handler has failed.') : null),
      )
    }, reports)
    expect(batchesOf(mapping)).toEqual(['12', '2', '2'])
    expect(mapping.invocations.map(({ outcome }) => outcome)).toEqual(['reported', 'threw', 'succeeded'])
  })

  it('responds with what it returns without a promise only on Node.js 24 and later', async () => {
    const { put, process } = mappingFixture()
    put(1, 2)
    let calls = 0
    const mapping = await process((event) => {
      const itemIdentifier = event.Records[1]?.dynamodb?.SequenceNumber
      return { batchItemFailures: ++calls === 1 ? [{ itemIdentifier }] : [] }
    }, reports)
    const hasResponse = Number(globalThis.process.versions.node.split('.')[0]) >= 24
    expect(batchesOf(mapping)).toEqual(hasResponse ? ['12', '2'] : ['12'])
  })

  it('may be typed with @types/aws-lambda', async () => {
    const { clock, emulator, put } = mappingFixture()
    put(1)
    const handler: DynamoDBStreamHandler = async (event, context: Context) =>
      ({
        batchItemFailures: event.Records.slice(context.functionName.length),
      }) as never
    const mapping = emulateEventSourceMapping({ emulator, clock, handler })
    await clock.run(mapping.drain())
    expect(mapping.handled).toHaveLength(1)
    await mapping.close()
  })

  it('two invocations at once have contexts and events of their own', async () => {
    const { clock, emulator, put, process } = mappingFixture({ shards: 2 })
    put(...emulator.shards.map((shard) => emulator.keyForShard(shard)))
    const contexts = new Set<LambdaContext>()
    let n = 0
    const mapping = await process(
      async (_event, context) => {
        contexts.add(context)
        await new Promise<void>((resolve) => clock.setTimer(1_000, resolve))
      },
      { random: () => (n = (n + 0.123) % 1) },
    )
    expect(mapping.invocations.map(({ startedAt }) => startedAt)).toEqual(Array(2).fill(Date.UTC(2026, 0, 1)))
    expect(new Set([...contexts].map(({ awsRequestId }) => awsRequestId)).size).toBe(2)
  })
})
