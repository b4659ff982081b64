import { describe, expect, it } from 'vitest'
import { PageBudget } from '../../../src/reader/page-budget.ts'

const MiB = 1024 * 1024
const ANY = Number.POSITIVE_INFINITY
const budgetOf = (maxBufferedBytes: number, pageSize = 1000) => new PageBudget({ maxBufferedBytes, pageSize })

describe('the number of records that is requested', () => {
  it('is the page size while there is room', () => {
    const budget = budgetOf(64 * MiB, 500)
    budget.observe(1000, 1000 * 1024)
    expect(budget.reserve({ bufferedBytes: 0, shards: 1, inFlight: 1 }, ANY).limit).toBe(500)
  })

  it('is fitted to the part of a shard among many', () => {
    const budget = budgetOf(32 * MiB)
    for (let times = 0; times < 20; times++) budget.observe(1000, 1000 * 1024)
    const { limit } = budget.reserve({ bufferedBytes: 0, shards: 400, inFlight: 1 }, ANY)
    expect(limit).toBeGreaterThan(60)
    expect(limit).toBeLessThan(85)
  })

  it('is at least one, however large the records are', () => {
    const budget = budgetOf(MiB)
    for (let times = 0; times < 20; times++) budget.observe(200, 200 * 400_000)
    expect(budget.reserve({ bufferedBytes: 10 * MiB, shards: 1000, inFlight: 64 }, ANY).limit).toBe(1)
  })

  it('is one where only the iterator is to be renewed', () => {
    const budget = budgetOf(64 * MiB)
    expect(budget.reserve({ bufferedBytes: 0, shards: 1, inFlight: 1 }, 1).limit).toBe(1)
  })
})

it('pages in flight count as used memory', () => {
  const budget = budgetOf(MiB)
  const load = { bufferedBytes: 0, shards: 1, inFlight: 1 }
  const reserved = budget.reserve(load, ANY)
  expect(budget.hasRoom(load)).toBe(false)
  reserved.release()
  expect(budget.hasRoom(load)).toBe(true)
})

it('a page is full when it has as many records as were requested, or is about as large as pages get', () => {
  const budget = budgetOf(MiB)
  expect(budget.isFull(10, 100, 10)).toBe(true)
  expect(budget.isFull(9, 100, 10)).toBe(false)
  expect(budget.isFull(9, 1_000_000, 10)).toBe(true)
})
