import { expect, test } from 'vitest'
import { normalizeNumber, numberBytes } from '../../../src/testing/emulator/state/numbers.ts'

test.for<[written: string, kept: string, bytes: number]>([
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
])('%s is kept as %s, in %i bytes', ([written, kept, bytes]) => {
  expect(normalizeNumber(written)).toBe(kept)
  expect(normalizeNumber(kept)).toBe(kept)
  expect(numberBytes(written)).toBe(bytes)
  expect(numberBytes(kept)).toBe(bytes)
})

test.for(['', '-', '.', 'x', '1x', 'NaN', '1e'])('"%s" is no number', (text) => {
  expect(() => normalizeNumber(text)).toThrow(TypeError)
})
