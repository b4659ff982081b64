import { describe, expect, it } from 'vitest'
import type { BatchOutcome } from '../../../src/processing/attempt-outcome.ts'
import { Lane } from '../../../src/processing/lane.ts'
import type { QueuedRecord } from '../../../src/processing/queued-record.ts'
import { readBatchOutcome } from '../../../src/processing/read-outcome.ts'
import { queuedRecord } from './planner-subject.ts'

/** Reads the outcome of a batch with these lanes; returns what it means for each record, by number. */
function read(lanes: readonly (readonly number[])[], outcome: Partial<BatchOutcome>) {
  const parts = lanes.map((numbers) => ({
    lane: new Lane(undefined),
    records: numbers.map((number) => queuedRecord(number)),
  }))
  const records: QueuedRecord[] = parts.flatMap((part) => part.records)
  const { isSplit, results } = readBatchOutcome(parts, {
    kind: 'named',
    failed: new Set(),
    rejected: new Map(),
    invalid: new Map(),
    ...outcome,
  } as BatchOutcome)
  return { isSplit, results: Object.fromEntries(records.map((r) => [r.ordinal, results.get(r)?.result])) }
}

describe('readBatchOutcome', () => {
  it('without a named record, all are handled', () => {
    expect(read([[1, 2], [3]], {})).toEqual({
      isSplit: false,
      results: { 1: 'handled', 2: 'handled', 3: 'handled' },
    })
  })

  it('from the first named record on, the records of its lane run again; only that one spends an attempt', () => {
    expect(read([[1, 2, 4, 5], [3]], { failed: new Set(['2', '5']) }).results).toEqual({
      1: 'handled',
      2: 'failed',
      3: 'handled',
      4: 'repeat',
      5: 'repeat',
    })
  })

  it('rejected and invalid records are given up without blocking those that follow', () => {
    const outcome = { rejected: new Map([['1', 'no']]), invalid: new Map([['2', 'odd']]) }
    expect(read([[1, 2, 3]], outcome).results).toEqual({ 1: 'rejected', 2: 'invalid', 3: 'handled' })
  })

  it('a record that is rejected behind one that has failed runs again first', () => {
    const outcome = { failed: new Set(['1']), rejected: new Map([['2', 'no']]) }
    expect(read([[1, 2]], outcome).results).toEqual({ 1: 'failed', 2: 'repeat' })
  })

  it('if the batch has failed as a whole, it is split, and no record spends an attempt', () => {
    const outcome = {
      kind: 'batchFailed',
      error: new Error('broken'),
      rejected: new Map([['1', 'no']]),
    } as const
    expect(read([[1, 2], [3]], outcome)).toEqual({
      isSplit: true,
      results: { 1: 'rejected', 2: 'repeat', 3: 'repeat' },
    })
  })
})
