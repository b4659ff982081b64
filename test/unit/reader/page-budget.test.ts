import { describe, expect, it } from 'vitest'
import { checkReadingOptions } from '../../../src/coordinator/options.ts'
import { PageBudget } from '../../../src/reader/page-budget.ts'

const MiB = 1024 * 1024
const budgetOf = (maxBufferedBytes: number, pageSize = 1000) =>
  new PageBudget(checkReadingOptions({ maxBufferedBytes, pageSize }))

describe('how many records are asked for', () => {
  it('is the page size while there is room', () => {
    const budget = budgetOf(64 * MiB, 500)
    budget.learn(1000, 1000 * 1024)
    expect(budget.reserve({ bufferedBytes: 0, sharers: 1, inFlight: 1 }).limit).toBe(500)
  })

  it('is fitted to the part of a shard among many', () => {
    const budget = budgetOf(32 * MiB)
    budget.learn(10_000, 10_000 * 1024)
    budget.learn(10_000, 10_000 * 1024)
    for (let times = 0; times < 20; times++) budget.learn(1000, 1000 * 1024)
    const { limit } = budget.reserve({ bufferedBytes: 0, sharers: 400, inFlight: 1 })
    expect(limit).toBeGreaterThan(60)
    expect(limit).toBeLessThan(85)
  })

  it('is one at least, however large the records are', () => {
    const budget = budgetOf(MiB)
    for (let times = 0; times < 20; times++) budget.learn(200, 200 * 400_000)
    expect(budget.reserve({ bufferedBytes: 10 * MiB, sharers: 1000, inFlight: 64 }).limit).toBe(1)
  })
})

it('what is under way counts as used', () => {
  const budget = budgetOf(MiB)
  const reserved = budget.reserve({ bufferedBytes: 0, sharers: 1, inFlight: 1 })
  expect(budget.hasRoom(0, 1)).toBe(false)
  reserved.release()
  expect(budget.hasRoom(0, 1)).toBe(true)
})

it('an answer is full when it has as many records as were asked for, or is about as large as answers get', () => {
  const budget = budgetOf(MiB)
  expect(budget.isFull(10, 100, 10)).toBe(true)
  expect(budget.isFull(9, 100, 10)).toBe(false)
  expect(budget.isFull(9, 1_000_000, 10)).toBe(true)
})
