import { expect, test } from 'vitest'
import { backoffMs } from '../../src/core/backoff.ts'

const almostOne = () => 1 - Number.EPSILON
const options = { baseMs: 100, capMs: 5_000 }

test('the bound of the wait doubles with each attempt, up to the cap', () => {
  const bounds = [1, 2, 3, 6, 7, 8].map((attempt) => backoffMs(attempt, options, almostOne))
  expect(bounds).toEqual([100, 200, 400, 3_200, 5_000, 5_000])
})

test('the whole range below the bound is used', () => {
  expect(backoffMs(3, options, () => 0)).toBe(0)
  expect(backoffMs(3, options, () => 0.5)).toBe(200)
})

test('an outage of days does not overflow', () => {
  expect(backoffMs(1_000_000, options, almostOne)).toBe(5_000)
})
