import { describe, expect, it } from 'vitest'
import { hour, minute } from '../helpers.ts'
import { batchesOf, fatesOf, idsOf, mappingFixture, reports, reportsFor, throwsFor } from './fixture.ts'

describe('records that Lambda loses', () => {
  it('Lambda discards the innocent records behind a poison record, if the mapping does not bisect', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3, 4)
    const mapping = await process(throwsFor('2'), { MaximumRetryAttempts: 2 })
    expect(batchesOf(mapping)).toEqual(['1234', '1234', '1234'])
    expect(fatesOf(mapping.discarded)).toEqual(
      ['1', '2', '3', '4'].map((id) => `${id}: RetryAttemptsExhausted, none`),
    )
    expect(mapping.handled).toEqual([])
  })

  it('Lambda drops a batch whose destination fails, and does not send it again', async () => {
    const { clock, put, start } = mappingFixture()
    put(1)
    let isDown = true
    let sent = 0
    const mapping = start(throwsFor('1'), {
      MaximumRetryAttempts: 0,
      onFailure: async () => {
        sent++
        if (isDown) throw new Error('AccessDenied')
      },
    })
    await clock.run(mapping.drain())
    isDown = false
    await clock.advance(20 * minute)
    expect(sent).toBe(1)
    expect(fatesOf(mapping.discarded)).toEqual(['1: RetryAttemptsExhausted, failed'])
    expect(mapping.delivered).toEqual([])
    await mapping.close()
  })

  it('Lambda ignores reported failures of a mapping without ReportBatchItemFailures', async () => {
    const { put, process } = mappingFixture()
    put(1, 2)
    const mapping = await process(reportsFor('2'))
    expect(idsOf(mapping.handled)).toBe('12')
    expect(mapping.invocations).toMatchObject([{ isReportIgnored: true }])
  })

  it('Lambda loses a batch that it retries indefinitely after 24 hours, without an invocation record', async () => {
    const { clock, put, process } = mappingFixture()
    put(1, 2)
    const startedAt = clock.now()
    const mapping = await process(throwsFor('2'), { onFailure: () => {} })
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(24 * hour)
    expect(clock.now() - startedAt).toBeLessThan(24 * hour + minute)
    expect(fatesOf(mapping.discarded)).toEqual(['1: Trimmed, none', '2: Trimmed, none'])
    expect(mapping.delivered).toEqual([])
  })

  it('Lambda loses the records that expire behind a batch that it retries', async () => {
    const { clock, emulator, put, start } = mappingFixture()
    const [poison] = put('poison')
    const mapping = start(throwsFor('poison'), { BatchSize: 1 })
    await clock.advance(minute)
    put(1, 2)
    await clock.advance(minute)
    emulator.trim({ shard: poison?.shardId ?? '' })
    await clock.run(mapping.drain())
    expect(fatesOf(mapping.discarded)).toEqual([
      ...['poison: Trimmed, none', '1: Trimmed, none', '2: Trimmed, none'],
    ])
    await mapping.close()
  })

  it('Lambda loses the records that expire while the mapping is disabled', async () => {
    const { clock, put, start } = mappingFixture()
    const mapping = start(async () => {}, { Enabled: false })
    put(1)
    await clock.advance(23 * hour)
    put(2)
    await clock.advance(2 * hour)
    mapping.enable()
    await clock.run(mapping.drain())
    expect(fatesOf(mapping.discarded)).toEqual(['1: Trimmed, none'])
    expect(idsOf(mapping.handled)).toBe('2')
    await mapping.close()
  })
})

describe('MaximumRecordAgeInSeconds', () => {
  it('records that have become too old are split from a batch, and the others are processed', async () => {
    const { clock, put, start } = mappingFixture()
    put(1, 2)
    const mapping = start(async () => {}, {
      MaximumRecordAgeInSeconds: 60,
      onFailure: () => {},
      Enabled: false,
    })
    await clock.advance(50_000)
    put(3)
    await clock.advance(11_000)
    mapping.enable()
    await clock.run(mapping.drain())
    expect(batchesOf(mapping)).toEqual(['3'])
    expect(fatesOf(mapping.discarded)).toEqual([
      '1: RecordAgeExceeded, delivered',
      '2: RecordAgeExceeded, delivered',
    ])
    const [record, ...others] = mapping.delivered
    expect(others).toEqual([])
    expect(record?.requestContext).toMatchObject({
      condition: 'RecordAgeExceeded',
      approximateInvokeCount: 1,
    })
    expect(record).not.toHaveProperty('responseContext')
    expect(record?.DDBStreamBatchInfo.batchSize).toBe(2)
    await mapping.close()
  })

  it('a batch that fails is retried until its records are too old, and not longer', async () => {
    const { put, process } = mappingFixture()
    put(1)
    const mapping = await process(reportsFor('1'), {
      ...reports,
      MaximumRecordAgeInSeconds: 60,
      onFailure: () => {},
    })
    expect(fatesOf(mapping.discarded)).toEqual(['1: RecordAgeExceeded, delivered'])
    const last = mapping.invocations.at(-1)?.startedAt ?? 0
    expect(mapping.invocations.length).toBeGreaterThan(4)
    expect(last - (mapping.invocations[0]?.startedAt ?? 0)).toBeLessThanOrEqual(60_000)
    expect(mapping.delivered[0]?.requestContext.approximateInvokeCount).toBe(1)
  })

  it('a record of exactly the maximum age is processed', async () => {
    const { clock, put, start } = mappingFixture()
    put(1)
    const mapping = start(async () => {}, { MaximumRecordAgeInSeconds: 60, Enabled: false })
    await clock.advance(60_000)
    mapping.enable()
    await clock.run(mapping.drain())
    expect(idsOf(mapping.handled)).toBe('1')
    await mapping.close()
  })
})
