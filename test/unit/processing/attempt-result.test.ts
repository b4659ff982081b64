import { describe, expect, it } from 'vitest'
import type { BatchOutcome, RecordOutcome } from '../../../src/processing/attempt-outcome.ts'
import { resultOf } from '../../../src/processing/attempt-result.ts'

const error = Object.assign(new Error('secret'), { name: 'ThrottlingException' })
const failed = { result: 'failed', error, isReported: false } as const
const rejected = { result: 'rejected', reason: 'secret' } as const
const reasons = (...numbers: string[]) => new Map(numbers.map((number) => [number, 'secret']))

describe('what telemetry says about an attempt', () => {
  it.each<[string, RecordOutcome, number, string | undefined]>([
    ['that succeeded', { result: 'handled' }, 0, undefined],
    ['that threw', failed, 1, 'ThrottlingException'],
    [
      'whose batch response names it',
      { ...failed, error: undefined, isReported: true },
      1,
      'BatchItemFailure',
    ],
    ['that was rejected', rejected, 1, 'Rejected'],
    ['that does not match the schema', { result: 'invalid', reason: 'secret' }, 1, 'Invalid'],
    [
      'all of whose tasks succeeded',
      { result: 'tasks', tasks: [{ task: 'a', result: 'handled' }] },
      0,
      undefined,
    ],
    ['without an unfinished task', { result: 'tasks', tasks: [] }, 0, undefined],
    [
      'of which two tasks failed',
      {
        result: 'tasks',
        tasks: [
          { task: 'a', result: 'handled' },
          { task: 'b', ...failed },
          { task: 'c', ...rejected },
        ],
      },
      1,
      'ThrottlingException',
    ],
  ])('of a record %s', (_, outcome, count, errorType) => {
    expect(resultOf(outcome, 1)).toEqual({ failed: count, errorType })
  })

  it.each<[string, BatchOutcome, number, string | undefined]>([
    [
      'that succeeded',
      { kind: 'named', failed: new Set(), rejected: new Map(), invalid: new Map() },
      0,
      undefined,
    ],
    [
      'with named, rejected and invalid records',
      { kind: 'named', failed: new Set(['1', '2']), rejected: reasons('3'), invalid: reasons('4') },
      4,
      'BatchItemFailure',
    ],
    [
      'with rejected and invalid records',
      { kind: 'named', failed: new Set(), rejected: reasons('3'), invalid: reasons('4', '5') },
      3,
      'Rejected',
    ],
    [
      'with invalid records',
      { kind: 'named', failed: new Set(), rejected: new Map(), invalid: reasons('4') },
      1,
      'Invalid',
    ],
    [
      'that failed as a whole',
      { kind: 'batchFailed', error, rejected: new Map(), invalid: reasons('4') },
      10,
      'ThrottlingException',
    ],
  ])('of a batch %s', (_, outcome, count, errorType) => {
    expect(resultOf(outcome, 10)).toEqual({ failed: count, errorType })
  })
})
