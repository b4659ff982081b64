import { expect, test } from 'vitest'
import { normalizeNumber, numberBytes } from '../../../src/testing/emulator/state/numbers.ts'

test.for<[written: string, normalized: string, bytes: number]>([
  ['0', '0', 1],
  ['-0.00', '0', 1],
  ['1', '1', 2],
  ['00012', '12', 2],
  ['100', '100', 2],
  ['123456', '123456', 4],
  ['-12.50', '-12.5', 4],
  ['2.50', '2.5', 3],
  ['.5', '0.5', 2],
  ['5.', '5', 2],
  ['0.012', '0.012', 3],
  ['1e3', '1000', 2],
  ['1.5E+3', '1500', 2],
  ['1E-130', `0.${'0'.repeat(129)}1`, 2],
  ['-9.9e125', `-99${'0'.repeat(124)}`, 3],
  ['12345678901234567890123456789012345678', '12345678901234567890123456789012345678', 20],
])('the number %s is stored as %s and has %i bytes', ([written, normalized, bytes]) => {
  expect(normalizeNumber(written)).toBe(normalized)
  expect(normalizeNumber(normalized)).toBe(normalized)
  expect(numberBytes(written)).toBe(bytes)
  expect(numberBytes(normalized)).toBe(bytes)
})

test.for(['', '-', '.', 'x', '1x', 'NaN', '1e'])('"%s" is refused because it is not a number', (text) => {
  expect(() => normalizeNumber(text)).toThrow(TypeError)
})
