import { expect, test } from 'vitest'
import { backoffMs } from '../../src/core/backoff.ts'

const almostOne = () => 1 - Number.EPSILON
const options = { baseMs: 100, capMs: 5_000 }

test('the upper bound of the delay doubles with each attempt, up to the cap', () => {
  const bounds = [1, 2, 3, 6, 7, 8].map((attempt) => backoffMs(attempt, options, almostOne))
  expect(bounds).toEqual([100, 200, 400, 3_200, 5_000, 5_000])
})

test('delays cover the whole range below their upper bound', () => {
  expect(backoffMs(3, options, () => 0)).toBe(0)
  expect(backoffMs(3, options, () => 0.5)).toBe(200)
})

test('the delay does not overflow after a million attempts', () => {
  expect(backoffMs(1_000_000, options, almostOne)).toBe(5_000)
})
