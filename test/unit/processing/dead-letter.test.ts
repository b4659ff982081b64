import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { DeadLetterCondition } from '../../../src/destinations/destination.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { letterOf, rawRecord, recordOf, shardId, streamArn } from '../../support/dead-letters.ts'

const CONDITIONS: readonly DeadLetterCondition[] = [
  'RetryAttemptsExhausted',
  'RecordAgeExceeded',
  'Rejected',
  'Invalid',
  'WorkerLost',
]

test('a letter has the record, the condition and the failure', () => {
  const record = recordOf()
  const letter = letterOf({ record, task: 'mail' })
  expect(letter.records).toEqual([record])
  expect(letter.records[0]).toBe(record)
  expect(letter.condition).toBe('RetryAttemptsExhausted')
  expect(letter.failure).toEqual({
    reason: 'The handler failed 3 times.',
    error: { name: 'Error', message: 'connect ECONNREFUSED 10.0.0.7:5432', code: 'ECONNREFUSED' },
    attempts: 3,
    firstFailedAt: new Date('2026-01-02T03:04:06.007Z'),
    lastFailedAt: new Date('2026-01-02T03:10:00.250Z'),
    task: 'mail',
    keyHash: hashItemKey(record.itemKey),
  })
})

test('a letter without a task or an error does not have these members', () => {
  const { failure } = letterOf({ error: undefined, isReported: true })
  expect(Object.keys(failure)).toEqual(['reason', 'attempts', 'firstFailedAt', 'lastFailedAt', 'keyHash'])
})

test('what a handler threw is described even if it is undefined, except where nothing was thrown', () => {
  const thrown = letterOf({ error: undefined, isReported: false })
  expect(thrown.failure.error).toEqual({ name: 'NonError', message: 'undefined' })
  for (const condition of ['RecordAgeExceeded', 'Rejected', 'Invalid', 'WorkerLost'] as const) {
    expect(letterOf({ condition, error: undefined }).failure.error).toBeUndefined()
  }
})

test('a letter can be created from anything that a handler throws', () => {
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error('trap')
      },
    },
  )
  for (const error of [hostile, Object.freeze(new Error('a')), 'text', 0, Symbol('s'), null]) {
    const letter = letterOf({ error })
    expect(() => JSON.stringify(letter.invocationRecord())).not.toThrow()
    expect(typeof letter.failure.error?.message).toBe('string')
  }
})

test('a later change of the error does not change the letter', () => {
  const error = new Error('first')
  const letter = letterOf({ error })
  error.message = 'changed'
  expect(letter.failure.error?.message).toBe('first')
})

test('a long reason is shortened to 1,024 bytes, and a reason that is not a string is converted', () => {
  expect(Buffer.byteLength(letterOf({ reason: 'é'.repeat(1_000) }).failure.reason)).toBeLessThanOrEqual(1024)
  expect(letterOf({ reason: undefined as never }).failure.reason).toBe('undefined')
})

test('a letter with an invalid time can still be written', () => {
  const letter = letterOf({ firstFailedAt: Number.NaN, lastFailedAt: Number.POSITIVE_INFINITY })
  expect(letter.invocationRecord().timestamp).toBe('1970-01-01T00:00:00.000Z')
  const record = new StreamRecord(rawRecord(), { shardId }, Number.NaN)
  expect(() => letterOf({ record }).invocationRecord()).not.toThrow()
})

test('a letter cannot be changed, so a destination cannot affect another one', () => {
  const letter = letterOf()
  expect([letter, letter.records, letter.failure].map(Object.isFrozen)).toEqual([true, true, true])
  expect(letter.invocationRecord()).not.toBe(letter.invocationRecord())
  Object.assign(letter.invocationRecord().failure, { reason: 'changed' })
  expect(letter.invocationRecord().failure.reason).toBe('The handler failed 3 times.')
})

test('a letter can be copied with a spread, logged and written as JSON', () => {
  const letter = letterOf()
  expect({ ...letter }.invocationRecord()).toEqual(letter.invocationRecord())
  expect(JSON.parse(JSON.stringify(letter))).toMatchObject({
    id: letter.id,
    condition: 'RetryAttemptsExhausted',
    records: [{ sequenceNumber: '421000000000012345678901' }],
    failure: { attempts: 3 },
  })
  expect(inspect(letter)).toContain('StreamRecord')
})

describe('the invocation record of a letter', () => {
  test('responseContext is missing if the record was given up before an attempt: for its age, or as invalid', () => {
    const withResponse = CONDITIONS.filter(
      (condition) => 'responseContext' in letterOf({ condition }).invocationRecord(),
    )
    expect(withResponse).toEqual(['RetryAttemptsExhausted', 'Rejected', 'WorkerLost'])
  })

  test('functionError is Unhandled after an error, and null if the handler reported the failure', () => {
    const errorOf = (isReported: boolean) =>
      letterOf({ isReported }).invocationRecord().responseContext?.functionError
    expect([errorOf(false), errorOf(true)]).toEqual(['Unhandled', null])
  })

  test('approximateInvokeCount is the number of attempts, and 1 without an attempt, as in Lambda', () => {
    const countOf = (attempts: number) =>
      letterOf({ attempts }).invocationRecord().requestContext.approximateInvokeCount
    expect([0, 1, 20].map(countOf)).toEqual([1, 1, 20])
    expect(letterOf({ attempts: 0 }).failure.attempts).toBe(0)
  })

  test('the arrival times have no fraction of a second, and the timestamp has milliseconds', () => {
    const record = new StreamRecord(rawRecord(), { shardId }, Date.UTC(2026, 0, 2, 3, 4, 5, 999))
    const { timestamp, DDBStreamBatchInfo } = letterOf({ record }).invocationRecord()
    expect(timestamp).toBe('2026-01-02T03:10:00.250Z')
    expect(DDBStreamBatchInfo.approximateArrivalOfFirstRecord).toBe('2026-01-02T03:04:05Z')
    expect(DDBStreamBatchInfo.approximateArrivalOfLastRecord).toBe('2026-01-02T03:04:05Z')
  })

  test('functionArn is the name of the run, and requestId is the id of the letter', () => {
    const letter = letterOf({ name: 'mailer' })
    expect(letter.invocationRecord().requestContext).toMatchObject({
      functionArn: 'mailer',
      requestId: letter.id,
    })
  })
})

describe('the id of a letter', () => {
  test('the id of a letter is a UUID of version 5', () => {
    for (const condition of CONDITIONS) {
      expect(letterOf({ condition }).id).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      )
    }
  })

  test('the id of a letter never changes from one release to the next, so that a repeat replaces the letter', () => {
    expect(letterOf().id).toBe('47f8b328-d539-5845-a0cf-699cc18f4b86')
  })

  test('the id does not depend on the error, the attempts, the times or the images', () => {
    const record = recordOf(rawRecord({ NewImage: {} }))
    const changed = letterOf({
      record,
      error: 'other',
      reason: 'Other.',
      isReported: true,
      attempts: 21,
      firstFailedAt: 1,
      lastFailedAt: 2,
    })
    expect(changed.id).toBe(letterOf().id)
  })

  test('letters that differ in the name, stream, shard, sequence number, task or condition have different ids', () => {
    const ofShard = new StreamRecord(rawRecord(), { shardId: 'shardId-2' }, 0)
    const ids = [
      letterOf(),
      letterOf({ name: 'other' }),
      letterOf({ name: '' }),
      letterOf({ streamArn: streamArn.replace('2026-01-01', '2026-01-02') }),
      letterOf({ streamArn: 'not an ARN' }),
      letterOf({ streamArn: 'not an ARN either' }),
      letterOf({ record: ofShard }),
      letterOf({ record: recordOf(rawRecord({ SequenceNumber: '421000000000012345678902' })) }),
      letterOf({ task: '' }),
      letterOf({ task: 'null' }),
      letterOf({ task: 'a' }),
      letterOf({ name: 'indexer","2026' }),
      ...CONDITIONS.slice(1).map((condition) => letterOf({ condition })),
    ].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('the same table in another account or region, restored under the same stream label, has the same ids', () => {
    expect(letterOf({ streamArn: streamArn.replace('eu-west-1', 'us-east-1') }).id).toBe(letterOf().id)
  })
})
