import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareSequenceNumbers, isSequenceNumber } from '../../../src/position/sequence-number.ts'

const integers = fc.bigInt({ min: 0n, max: 10n ** 40n })
/** Adjacent numbers, which a comparison of doubles would get wrong. */
const adjacent = fc
  .tuple(integers, fc.bigInt({ min: -2n, max: 2n }))
  .map(([n, step]) => [n, n + step] as const)
const padding = fc.nat(5)

describe('compareSequenceNumbers', () => {
  test('sequence numbers are compared as integers, regardless of their padding', () => {
    const pairs = fc.oneof(
      fc.tuple(integers, integers),
      adjacent.filter(([, b]) => b >= 0n),
    )
    fc.assert(
      fc.property(pairs, padding, padding, ([a, b], padA, padB) => {
        const compared = compareSequenceNumbers('0'.repeat(padA) + a, '0'.repeat(padB) + b)
        expect(Math.sign(compared)).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })

  test.each([
    ['9', '10', -1],
    ['000000000000000000010', '9', 1],
    ['000', '0', 0],
    ['99999999999999999999', '100000000000000000000', -1],
  ])('the comparison of %s with %s has the sign %i', (a, b, sign) => {
    expect(Math.sign(compareSequenceNumbers(a, b))).toBe(sign)
  })
})

describe('isSequenceNumber', () => {
  test.each(['0', '000000000000000000001', '4'.repeat(40)])('%s is a sequence number', (value) => {
    expect(isSequenceNumber(value)).toBe(true)
  })

  test.each(['', ' 1', '1\n', '-1', '1.5', '1e5', '0x1', '١', '1'.repeat(129), 1, null, ['1']])(
    '%j is not a sequence number',
    (value) => {
      expect(isSequenceNumber(value)).toBe(false)
    },
  )
})
