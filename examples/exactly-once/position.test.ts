import { expect, test } from 'vitest'
import { below, seededRandom } from '../../src/testing/emulator/state/random.ts'
import { positionOf } from './position.ts'

const arn = (label: string) => `arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/${label}`
const stream = arn('2026-01-01T00:00:00.000')
const nextStream = arn('2026-03-01T12:00:00.000')

test('positions are ordered like the sequence numbers, also if these differ in length', () => {
  const random = seededRandom(1, 'sequence numbers')
  const numbers = Array.from({ length: 500 }, () => {
    const digits = 21 + below(random, 20)
    return String(1 + below(random, 9)) + Array.from({ length: digits - 1 }, () => below(random, 10)).join('')
  })
  const byNumber = numbers.toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
  const byPosition = numbers.toSorted((a, b) => (positionOf(stream, a) < positionOf(stream, b) ? -1 : 1))
  expect(byPosition).toEqual(byNumber)
  expect(numbers.toSorted()).not.toEqual(byNumber) // what would be compared without padding
})

test('every position in the next stream of the table is after all of those in the former one', () => {
  const last = positionOf(stream, '9'.repeat(40))
  expect(positionOf(nextStream, '1'.repeat(21)) > last).toBe(true)
})
