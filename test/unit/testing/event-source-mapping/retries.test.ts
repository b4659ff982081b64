import { describe, expect, it } from 'vitest'
import type { LambdaContext, LambdaStreamEvent } from '../../../../src/testing/index.ts'
import {
  batchesOf,
  fatesOf,
  idsIn,
  idsOf,
  mappingFixture,
  reports,
  reportsFor,
  throwsFor,
} from './fixture.ts'

const bisects = { BisectBatchOnFunctionError: true }
const one = { MaximumRetryAttempts: 1, onFailure: () => {} }

// The first three were recorded from the service with one retry, a destination, and a bad second record.
describe('what Lambda invokes after a failure', () => {
  it('without bisecting, a batch with a reported record is retried from that record on, and discarded as a whole', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3, 4)
    const mapping = await process(reportsFor('2'), { ...one, ...reports })
    expect(batchesOf(mapping)).toEqual(['1234', '234', '234'])
    expect(fatesOf(mapping.discarded)).toEqual([
      '2: RetryAttemptsExhausted, delivered',
      '3: RetryAttemptsExhausted, delivered',
      '4: RetryAttemptsExhausted, delivered',
    ])
    expect(idsOf(mapping.handled)).toBe('1')
  })

  it('with bisecting, a batch that reports its first record is split, and only a single record is retried', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3, 4)
    const mapping = await process(reportsFor('2'), { ...one, ...reports, ...bisects })
    expect(batchesOf(mapping)).toEqual(['1234', '234', '2', '2', '34'])
    expect(fatesOf(mapping.discarded)).toEqual(['2: RetryAttemptsExhausted, delivered'])
    expect(idsOf(mapping.handled)).toBe('134')
  })

  it('with bisecting, a batch that throws is split at once, the left half first', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3, 4)
    const mapping = await process(throwsFor('2'), { ...one, ...bisects })
    expect(batchesOf(mapping)).toEqual(['1234', '12', '1', '2', '2', '34'])
    expect(fatesOf(mapping.discarded)).toEqual(['2: RetryAttemptsExhausted, delivered'])
    expect(idsOf(mapping.handled)).toBe('134')
  })

  it('splits take no time, and retries wait for longer each time', async () => {
    const { put, process } = mappingFixture()
    put(1, 2)
    const { invocations } = await process(throwsFor('1'), { MaximumRetryAttempts: 3, ...bisects })
    const times = invocations.map(({ startedAt }) => startedAt - (invocations[0]?.startedAt ?? 0))
    expect(times).toEqual([0, 0, 500, 1_500, 3_500, 3_500])
  })

  it('a retry has the request id of the first attempt, and a part of a batch has another one', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3, 4)
    const seen: string[] = []
    let n = 0
    const mapping = await process(
      async (event: LambdaStreamEvent, { awsRequestId }: LambdaContext) => {
        seen.push(`${idsIn(event)} ${awsRequestId}`)
        return reportsFor('2')(event)
      },
      { ...one, ...reports, random: () => (n = (n + 0.123) % 1) },
    )
    const [first, second, third] = mapping.invocations.map(({ requestId }) => requestId)
    expect(third).toBe(second)
    expect(second).not.toBe(first)
    expect(seen).toEqual([`1234 ${first}`, `234 ${second}`, `234 ${second}`])
    expect(mapping.delivered[0]?.requestContext.requestId).toBe(second)
  })

  it('a batch that continues after its first records has a new budget of retries', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3)
    const attempts = new Map<string, number>()
    // Each record fails once, then succeeds.
    const mapping = await process(
      async (event: LambdaStreamEvent) => {
        const failed = event.Records.find(({ dynamodb }) => {
          const id = dynamodb?.Keys?.id?.S ?? ''
          attempts.set(id, (attempts.get(id) ?? 0) + 1)
          return attempts.get(id) === 1
        })
        return { batchItemFailures: failed ? [{ itemIdentifier: failed.dynamodb?.SequenceNumber }] : [] }
      },
      { ...reports, MaximumRetryAttempts: 1 },
    )
    expect(batchesOf(mapping)).toEqual(['123', '123', '23', '3'])
    expect(idsOf(mapping.handled)).toBe('123')
  })

  it('a throttled invocation spends no attempt and does not call the function', async () => {
    const { clock, put, start } = mappingFixture()
    put(1)
    let calls = 0
    const mapping = start(
      async () => {
        calls++
        throw new Error('The handler has failed.')
      },
      { MaximumRetryAttempts: 1 },
    )
    mapping.throttle(3)
    await clock.run(mapping.drain())
    expect(mapping.invocations.map(({ outcome }) => outcome)).toEqual([
      ...['throttled', 'throttled', 'throttled', 'threw', 'threw'],
    ])
    expect(new Set(mapping.invocations.map(({ requestId }) => requestId)).size).toBe(1)
    expect(calls).toBe(2)
    expect(() => mapping.throttle(-1)).toThrow('times')
  })

  it('with 0 retries, a batch is invoked once', async () => {
    const { put, process } = mappingFixture()
    put(1, 2)
    const mapping = await process(throwsFor('2'), { MaximumRetryAttempts: 0 })
    expect(batchesOf(mapping)).toEqual(['12'])
    expect(fatesOf(mapping.discarded)).toEqual([
      '1: RetryAttemptsExhausted, none',
      '2: RetryAttemptsExhausted, none',
    ])
  })
})
