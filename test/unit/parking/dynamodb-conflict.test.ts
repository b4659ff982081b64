import type { DynamoDBClient, TransactGetItemsCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import {
  cancellationReasons,
  transactionCompleted,
  untilNoConflict,
} from '../../../src/parking/dynamodb-conflict.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

function named(name: string, more: object = {}): Error {
  return Object.assign(new Error(name), { name }, more)
}

function canceled(...codes: string[]): Error {
  return named('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) })
}

/** Work that fails with these errors, one after the other, and then succeeds. */
function failing(...errors: Error[]) {
  const work = async () => {
    work.calls++
    const error = errors[work.calls - 1]
    if (error) throw error
    return 'done'
  }
  work.calls = 0
  return work
}

describe('untilNoConflict', () => {
  test('a write that conflicts with a transaction in progress is repeated with increasing delays', async () => {
    const clock = new ManualClock()
    const work = failing(
      named('TransactionConflictException'),
      canceled('None', 'TransactionConflict'),
      canceled('TransactionConflict', 'None'),
    )
    expect(await clock.run(untilNoConflict(clock, work))).toBe('done')
    expect(work.calls).toBe(4)
    expect(clock.monotonic()).toBe(25 + 50 + 100)
  })

  test.each([
    ['throttling', named('ProvisionedThroughputExceededException')],
    ['a transaction that was canceled by throttling', canceled('None', 'ThrottlingError')],
    ['a failed condition', canceled('ConditionalCheckFailed', 'TransactionConflict')],
    ['a canceled transaction without reasons', named('TransactionCanceledException')],
  ])('%s is rethrown without another attempt', async (_, error) => {
    const work = failing(error)
    await expect(untilNoConflict(new ManualClock(), work)).rejects.toBe(error)
    expect(work.calls).toBe(1)
  })

  test('a conflict that lasts for more than three seconds is rethrown', async () => {
    const clock = new ManualClock()
    const error = named('TransactionConflictException')
    const work = failing(...Array.from({ length: 100 }, () => error))
    await expect(clock.run(untilNoConflict(clock, work))).rejects.toBe(error)
    expect(work.calls).toBe(8)
    expect(clock.monotonic()).toBe(3_175)
  })

  test('no attempt is made after the signal has aborted', async () => {
    const clock = new ManualClock()
    const controller = new AbortController()
    const work = failing(named('TransactionConflictException'))
    const result = untilNoConflict(clock, work, controller.signal)
    const rejection = expect(result).rejects.toThrow('stopped')
    await clock.advance(1)
    controller.abort(new Error('stopped'))
    await rejection
    expect(work.calls).toBe(1)
  })
})

test('the items of a transaction are read again until it is carried out on all of them', async () => {
  const clock = new ManualClock()
  const inputs: TransactGetItemsCommand['input'][] = []
  const work = failing(canceled('None', 'TransactionConflict'), canceled('TransactionConflict', 'None'))
  const send = ({ input }: TransactGetItemsCommand) => {
    inputs.push(input)
    return work()
  }
  const client = { send } as unknown as DynamoDBClient
  const table = { client, tableName: 'parking', run: 'run', clock }
  const written = [{ part: 'key#a' }, { part: 'record#1', keyHash: 'a' }]
  await clock.run(transactionCompleted(table, written))
  expect(inputs).toHaveLength(3)
  expect(inputs[2]?.TransactItems?.map(({ Get }) => Get?.Key)).toEqual([
    { name: { S: 'run#parking' }, part: { S: 'key#a' } },
    { name: { S: 'run#parking#a' }, part: { S: 'record#1' } },
  ])
  await transactionCompleted(table, [])
  expect(inputs).toHaveLength(3)
})

test('an error of another kind than a canceled transaction has no cancellation reasons', () => {
  expect(cancellationReasons(named('Error', { CancellationReasons: [{ Code: 'None' }] }))).toEqual([])
  expect(cancellationReasons(undefined)).toEqual([])
  expect(cancellationReasons(canceled('None'))).toEqual([{ Code: 'None' }])
})
