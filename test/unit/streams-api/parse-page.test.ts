import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findRecords, lazyRecords } from '../../../src/streams-api/lazy-records.ts'
import { parsePage } from '../../../src/streams-api/parse-page.ts'
import type { WireRecords } from '../../../src/streams-api/streams-api.ts'
import { wireRecord } from './wire-arbitraries.ts'

/** Records with all that could be mistaken for the end of something: quotes, brackets and backslashes in texts. */
const record = fc.oneof(
  wireRecord,
  fc.dictionary(
    fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', 'é', '💥', 'a') }),
    fc.jsonValue(),
  ),
)
const records = fc.array(record, { maxLength: 30 })

function allOf({ length, at }: WireRecords): unknown[] {
  return Array.from({ length }, (_, index) => at(index))
}

describe('records that are parsed when they are asked for', () => {
  test('are those that JSON.parse gives, in whatever order they are asked for', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(40)), (given, order) => {
        const body = Buffer.from(JSON.stringify(given))
        const bounds = findRecords(body, 1)
        const lazy = lazyRecords(body, bounds ?? expect.unreachable())
        const expected = JSON.parse(body.toString())
        expect(lazy.length).toBe(expected.length)
        for (const index of order) expect(lazy.at(index)).toEqual(expected[index])
        expect(allOf(lazy)).toEqual(expected)
      }),
    )
  })

  test('are not found in an array that is cut off, wherever it is', () => {
    fc.assert(
      fc.property(records, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (given, part) => {
        const body = Buffer.from(JSON.stringify(given))
        expect(findRecords(body.subarray(0, Math.max(1, Math.floor(body.length * part))), 1)).toBeUndefined()
      }),
    )
  })

  test.each([
    '[ {"a":1}]',
    '[{"a":1} ,{"a":2}]',
    '[{"a":1}, {"a":2}]',
    '[null]',
    '["x"]',
    '[{"a":1},5]',
    '[{},]',
  ])('are not looked for in %s', (json) => {
    expect(findRecords(Buffer.from(json), 1)).toBeUndefined()
  })

  test('are parsed a few at a time', () => {
    const body = Buffer.from(
      JSON.stringify(Array.from({ length: 640 }, (_, n) => ({ n, text: 'x'.repeat(100) }))),
    )
    const lazy = lazyRecords(body, findRecords(body, 1) ?? expect.unreachable())
    expect(lazy.at(0)).toBe(lazy.at(0))
    body.fill('!', body.length >> 1)
    expect(lazy.at(300)).toMatchObject({ n: 300 })
    expect(() => lazy.at(639)).toThrow(SyntaxError)
  })
})

describe('a large answer', () => {
  const given = Array.from({ length: 200 }, (_, n) => ({
    eventID: String(n),
    dynamodb: { text: 'é"]}'.repeat(150) },
  }))

  test.each([
    ['first', JSON.stringify({ Records: given, NextShardIterator: 'next' })],
    ['last', JSON.stringify({ NextShardIterator: 'next', Records: given })],
    [
      'in between',
      JSON.stringify({ NextShardIterator: 'next', Records: given, Later: [{ a: '"Records":[' }] }),
    ],
  ])('is parsed bit by bit with its records %s', (_, json) => {
    const page = parsePage(Buffer.from(json))
    expect(page?.nextIterator).toBe('next')
    expect(allOf(page?.lazyRecords ?? expect.unreachable())).toEqual(given)
    expect(page?.records).toEqual(given)
  })

  test.each([
    ['written with spaces', JSON.stringify({ Records: given, NextShardIterator: 'next' }, null, 1)],
    [
      'with something else of that name before',
      JSON.stringify({ Later: { Records: [{ a: 1 }] }, Records: given, NextShardIterator: 'next' }),
    ],
  ])('%s is parsed as a whole', (_, json) => {
    const page = parsePage(Buffer.from(json))
    expect(page).toMatchObject({ nextIterator: 'next', lazyRecords: undefined })
    expect(page?.records).toEqual(given)
  })

  test('without a next iterator has none', () => {
    for (const NextShardIterator of [undefined, null]) {
      expect(
        parsePage(Buffer.from(JSON.stringify({ Records: given, NextShardIterator })))?.nextIterator,
      ).toBeUndefined()
    }
  })

  test('that is cut off is none', () => {
    const json = JSON.stringify({ Records: given, NextShardIterator: 'next' })
    for (const end of [-1, -3, -30, -30_000])
      expect(parsePage(Buffer.from(json.slice(0, end)))).toBeUndefined()
  })
})

test('a small answer is parsed at once', () => {
  expect(parsePage(Buffer.from('{"Records":[{"eventID":"1"}]}'))).toEqual({
    records: [{ eventID: '1' }],
    lazyRecords: undefined,
    nextIterator: undefined,
  })
})

test.each(['', '[]', 'null', '5', '{}', '{"Records":{}}', '{"Records":[],"NextShardIterator":5}', '<html>'])(
  '%j is no page',
  (text) => {
    expect(parsePage(Buffer.from(text))).toBeUndefined()
  },
)
