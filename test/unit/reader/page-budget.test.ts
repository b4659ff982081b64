import { describe, expect, it } from 'vitest'
import { PageBudget } from '../../../src/reader/page-budget.ts'

const MiB = 1024 * 1024
const ANY = Number.POSITIVE_INFINITY
const budgetOf = (maxBufferedBytes: number, pageSize = 1000) => new PageBudget({ maxBufferedBytes, pageSize })

describe('PageBudget.reserve', () => {
  it('a page of pageSize records is requested while there is room', () => {
    const budget = budgetOf(64 * MiB, 500)
    budget.observe(1000, 1000 * 1024)
    expect(budget.reserve({ bufferedBytes: 0, shards: 1, inFlight: 1 }, ANY).limit).toBe(500)
  })

  it('with many shards, the number of requested records fits the share of one shard', () => {
    const budget = budgetOf(32 * MiB)
    for (let times = 0; times < 20; times++) budget.observe(1000, 1000 * 1024)
    const { limit } = budget.reserve({ bufferedBytes: 0, shards: 400, inFlight: 1 }, ANY)
    expect(limit).toBeGreaterThan(60)
    expect(limit).toBeLessThan(85)
  })

  it('at least one record is requested, however large the records are', () => {
    const budget = budgetOf(MiB)
    for (let times = 0; times < 20; times++) budget.observe(200, 200 * 400_000)
    expect(budget.reserve({ bufferedBytes: 10 * MiB, shards: 1000, inFlight: 64 }, ANY).limit).toBe(1)
  })

  it('one record is requested if only the iterator is renewed', () => {
    const budget = budgetOf(64 * MiB)
    expect(budget.reserve({ bufferedBytes: 0, shards: 1, inFlight: 1 }, 1).limit).toBe(1)
  })
})

it('a page in flight counts as used memory', () => {
  const budget = budgetOf(MiB)
  const load = { bufferedBytes: 0, shards: 1, inFlight: 1 }
  const reserved = budget.reserve(load, ANY)
  expect(budget.hasRoom(load)).toBe(false)
  reserved.release()
  expect(budget.hasRoom(load)).toBe(true)
})

it('a page is full if it has as many records as requested, or is almost 1 MB', () => {
  const budget = budgetOf(MiB)
  expect(budget.isFull(10, 100, 10)).toBe(true)
  expect(budget.isFull(9, 100, 10)).toBe(false)
  expect(budget.isFull(9, 1_000_000, 10)).toBe(true)
})
