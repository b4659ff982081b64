import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePage } from '../../../src/wire/parse-page.ts'
import { createdAtMsOf, sequenceNumberOf } from '../../../src/wire/record-fields.ts'
import { scanRecords } from '../../../src/wire/scan-records.ts'
import { type TextRecord, textRecords } from '../../../src/wire/text-records.ts'
import type { WireRecord, WireRecords } from '../../../src/wire/wire-record.ts'
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

function allOf(found: WireRecords): unknown[] {
  return Array.from({ length: found.length }, (_, index) => (found.at(index) as TextRecord).parsed)
}

function textRecordsOf(json: string): WireRecords {
  const body = Buffer.from(json)
  return textRecords(body, scanRecords(body, 1) ?? expect.unreachable())
}

function firstOf(record: object): TextRecord {
  return textRecordsOf(JSON.stringify([record])).at(0) as TextRecord
}

describe('records that are parsed when somebody looks into them', () => {
  test('are those that JSON.parse gives, in whatever order they are asked for', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(40)), (given, order) => {
        const json = JSON.stringify(given)
        const found = textRecordsOf(json)
        const expected = JSON.parse(json)
        expect(found.length).toBe(expected.length)
        for (const index of order) {
          expect((found.at(index) as TextRecord | undefined)?.parsed).toEqual(expected[index])
        }
        expect(allOf(found)).toEqual(expected)
      }),
    )
  })

  test('tell the same time and sequence number as when they are parsed at once', () => {
    const member = fc.oneof(
      fc.stringMatching(/^[0-9]{0,70}$/),
      fc.double(),
      fc.integer({ min: 0, max: 2_000_000_000 }),
      fc.jsonValue(),
    )
    const names = ['SequenceNumber', 'ApproximateCreationDateTime', 'NewImage', 'dynamodb', 'a']
    const inner = fc.array(fc.tuple(fc.constantFrom(...names), member))
    const outer = fc.array(
      fc.tuple(fc.constantFrom(...names), fc.oneof(inner.map(Object.fromEntries), member)),
    )
    fc.assert(
      fc.property(fc.array(outer.map(Object.fromEntries)), (given) => {
        const json = JSON.stringify(given)
        const found = textRecordsOf(json)
        for (const [index, expected] of (JSON.parse(json) as WireRecord[]).entries()) {
          const record = found.at(index) ?? expect.unreachable()
          expect(sequenceNumberOf(record)).toEqual(sequenceNumberOf(expected))
          expect(createdAtMsOf(record)).toEqual(createdAtMsOf(expected))
        }
      }),
    )
  })

  test('tell them without being parsed, as the service writes them', () => {
    const record = firstOf({
      eventID: '1',
      dynamodb: {
        ApproximateCreationDateTime: 1_767_225_600,
        NewImage: { SequenceNumber: { S: '1' }, ApproximateCreationDateTime: { N: '2' } },
        SequenceNumber: '42100000000000000000000001',
      },
    })
    expect(record.createdAt).toBe(1_767_225_600)
    expect(record.sequenceNumber).toBe('42100000000000000000000001')
  })

  test.each([
    ['a fraction of a second', { ApproximateCreationDateTime: 1.5, SequenceNumber: '1' }],
    ['a time with an exponent', { ApproximateCreationDateTime: 1e21, SequenceNumber: '1' }],
    ['a time as a text', { ApproximateCreationDateTime: '15', SequenceNumber: '1' }],
  ])('are asked for %s', (_, dynamodb) => {
    const record = firstOf({ dynamodb })
    expect(record.createdAt).toBeUndefined()
    expect(createdAtMsOf(record)).toBe(createdAtMsOf({ dynamodb } as WireRecord))
  })

  test('take the last of members that come twice, as JSON.parse does', () => {
    const json =
      '[{"dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":1},"dynamodb":{"SequenceNumber":"2","SequenceNumber":"3"}}]'
    const record = textRecordsOf(json).at(0) as TextRecord
    expect(sequenceNumberOf(record)).toBe('3')
    expect(createdAtMsOf(record)).toBeUndefined()
  })

  test('are not found in an array that is cut off, wherever it is', () => {
    fc.assert(
      fc.property(records, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (given, part) => {
        const body = Buffer.from(JSON.stringify(given))
        expect(scanRecords(body.subarray(0, Math.max(1, Math.floor(body.length * part))), 1)).toBeUndefined()
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
    '[[{}]]',
  ])('are not looked for in %s', (json) => {
    expect(scanRecords(Buffer.from(json), 1)).toBeUndefined()
  })

  test('do not keep the answer that they came in', () => {
    const body = Buffer.from('[{"eventID":"1"},{"eventID":"2"}]')
    const first = textRecords(body, scanRecords(body, 1) ?? expect.unreachable()).at(0)
    body.fill('!')
    expect(first?.eventID).toBe('1')
  })
})

describe('an answer with records', () => {
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
  ])('is parsed around them where they come %s', (_, json) => {
    const page = parsePage(Buffer.from(json))
    expect(page?.nextIterator).toBe('next')
    expect(allOf(page?.textRecords ?? expect.unreachable())).toEqual(given)
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
    expect(page).toMatchObject({ nextIterator: 'next', textRecords: undefined })
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
    textRecords: undefined,
    nextIterator: undefined,
  })
})

test.each(['', '[]', 'null', '5', '{}', '{"Records":{}}', '{"Records":[],"NextShardIterator":5}', '<html>'])(
  '%j is no page',
  (text) => {
    expect(parsePage(Buffer.from(text))).toBeUndefined()
  },
)

describe('a large answer that is given out bit by bit', () => {
  const given = Array.from({ length: 300 }, (_, n) => ({ eventID: String(n), text: 'é'.repeat(500) }))
  const json = JSON.stringify(given)

  test('is forgotten bit by bit, to the last byte of its records', () => {
    const found = textRecordsOf(json)
    let freed = 0
    const sizes = new Set<number>()
    for (let index = 0; index < found.length; index++) {
      expect(found.at(index)?.eventID).toBe(String(index))
      const size = found.forget?.(index + 1) ?? 0
      if (size > 0) sizes.add(index)
      freed += size
    }
    expect(sizes.size).toBeGreaterThan(5)
    // All but the brackets and the commas between what was forgotten together.
    expect(freed).toBe(Buffer.byteLength(json) - 2 - (sizes.size - 1))
  })

  test('can be looked at in any order, as far as it is not forgotten', () => {
    fc.assert(
      fc.property(fc.nat(299), fc.array(fc.nat(299)), (before, order) => {
        const found = textRecordsOf(json)
        found.at(299)
        found.forget?.(before)
        for (const index of order) {
          if (index >= before) expect(found.at(index)?.eventID).toBe(String(index))
        }
      }),
    )
  })
})

test('an answer that is no JSON is none, also where its brackets match and it must be looked into to know its time', () => {
  const good = JSON.stringify({
    dynamodb: { SequenceNumber: '1', ApproximateCreationDateTime: 2, a: 'x'.repeat(2_000) },
  })
  const strange = '{"dynamodb":{"SequenceNumber":"2","ApproximateCreationDateTime":2.5}}'
  const page = (record: string) => parsePage(Buffer.from(`{"Records":[${good},${record}]}`))
  expect(page(strange)?.textRecords?.length).toBe(2)
  expect(page(strange.replace('2.5', '2.5.'))).toBeUndefined()
  expect(page(strange.replace('"2"', 'two'))).toBeUndefined()
})
