import { describe, expect, test } from 'vitest'
import type { Write } from '../../../src/parking/dynamodb-items.ts'
import { groupWrites, type PlannedUpdate, planTransactions } from '../../../src/parking/dynamodb-plan.ts'

function write(part: string, bytes = 100): Write {
  return { key: { part }, action: {}, bytes }
}

function update(keyHash: string, records: number, bytes = 100): PlannedUpdate {
  return {
    keyHash,
    records: Array.from({ length: records }, (_, index) => write(`${keyHash} record ${index}`, bytes)),
    header: write(`${keyHash} header`),
  }
}

/** Describes transactions by the numbers of their writes. */
function describePlan(updates: readonly PlannedUpdate[]) {
  const transactions = planTransactions(updates)
  const parts = transactions.flatMap(({ writes }) => writes.map(({ key }) => key.part))
  const expected = updates.flatMap(({ records, header }) => [...records, header].map(({ key }) => key.part))
  expect(parts, 'every write is made once, in order').toEqual(expected)
  for (const { writes } of transactions) {
    expect(writes.length).toBeLessThanOrEqual(99)
    expect(writes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(3_600_000)
  }
  return transactions.map(({ writes, ...rest }) => ({ writes: writes.length, ...rest }))
}

describe('planTransactions', () => {
  test('small updates share a transaction', () => {
    expect(describePlan([update('a', 3), update('b', 0), update('c', 40)])).toEqual([
      { writes: 46, completed: ['a', 'b', 'c'] },
    ])
    expect(describePlan([])).toEqual([])
  })

  test('an update that does not fit into the rest of a transaction is not split if it fits into one of its own', () => {
    expect(describePlan([update('a', 50), update('b', 60), update('c', 10)])).toEqual([
      { writes: 51, completed: ['a'] },
      { writes: 72, completed: ['b', 'c'] },
    ])
  })

  test('an update fills a transaction up to its last action, and the next update needs another one', () => {
    expect(describePlan([update('a', 98), update('b', 0)])).toEqual([
      { writes: 99, completed: ['a'] },
      { writes: 1, completed: ['b'] },
    ])
  })

  test('the header of a split update is in its last transaction, and those before are marked as incomplete', () => {
    expect(describePlan([update('a', 1), update('b', 250), update('c', 1)])).toEqual([
      { writes: 2, completed: ['a'] },
      { writes: 99, completed: [], incomplete: 'b' },
      { writes: 99, completed: [], incomplete: 'b' },
      { writes: 55, completed: ['b', 'c'] },
    ])
  })

  test('a header that alone does not fit gets a transaction of its own', () => {
    expect(describePlan([update('a', 99), update('b', 99)])).toEqual([
      { writes: 99, completed: [], incomplete: 'a' },
      { writes: 1, completed: ['a'] },
      { writes: 99, completed: [], incomplete: 'b' },
      { writes: 1, completed: ['b'] },
    ])
  })

  test('updates are split by size, too', () => {
    expect(
      describePlan([update('a', 5, 350_000), update('b', 6, 350_000), update('c', 25, 350_000)]),
    ).toEqual([
      { writes: 6, completed: ['a'] },
      { writes: 7, completed: ['b'] },
      { writes: 10, completed: [], incomplete: 'c' },
      { writes: 10, completed: [], incomplete: 'c' },
      { writes: 6, completed: ['c'] },
    ])
  })
})

test('writes that need not be made together are grouped by number and size', () => {
  const sizes = (writes: Write[]) => groupWrites(writes).map((group) => group.length)
  expect(sizes([])).toEqual([])
  expect(sizes(update('a', 200).records as Write[])).toEqual([99, 99, 2])
  expect(sizes(update('a', 21, 351_000).records as Write[])).toEqual([10, 10, 1])
})
