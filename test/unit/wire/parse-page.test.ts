import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeRecord } from '../../../src/wire/decode-record.ts'
import type { LazyRecord } from '../../../src/wire/lazy-records.ts'
import { type PageContent, parsePage } from '../../../src/wire/parse-page.ts'
import { createdAtMsOf, sequenceNumberOf, sizeBytesOf } from '../../../src/wire/record-fields.ts'
import type { WireRecord, WireRecords } from '../../../src/wire/wire-record.ts'
import { choices, writeJson } from './json-styles.ts'
import { wireRecord } from './wire-arbitraries.ts'

/** Records with strings that a scanner could misread, with quotes, brackets and backslashes. */
const trickyRecord = fc.dictionary(
  fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', 'é', '💥', 'a') }),
  fc.jsonValue(),
)

/** Records with known members in the wrong objects, and with values of the wrong types. */
const unusualRecord = (() => {
  const names = ['SequenceNumber', 'ApproximateCreationDateTime', 'NewImage', 'OldImage', 'dynamodb', 'a']
  const member = fc.oneof(
    fc.stringMatching(/^[0-9]{0,70}$/),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: 0, max: 2_000_000_000 }),
    fc.constantFrom(null, {}, '"', 'NaN'),
    fc.jsonValue(),
  )
  const inner = fc.array(fc.tuple(fc.constantFrom(...names), member)).map(Object.fromEntries)
  return fc
    .array(fc.tuple(fc.constantFrom(...names), fc.oneof(inner, member)))
    .map((members): object => Object.fromEntries(members))
})()

const anyRecord: fc.Arbitrary<object> = fc.oneof(wireRecord, trickyRecord, unusualRecord)

interface Response {
  readonly Records: readonly object[]
  readonly NextShardIterator?: string | null
}

const response: fc.Arbitrary<Response> = fc.record(
  {
    Records: fc.array(anyRecord, { maxLength: 8 }),
    NextShardIterator: fc.option(fc.string()),
    Later: fc.jsonValue(),
  },
  { requiredKeys: ['Records'] },
)

function parse(json: string): PageContent {
  return parsePage(Buffer.from(json)) ?? expect.unreachable('not a page')
}

/** Returns the lazily parsed records. Fails if the fast path is not used. */
function lazyRecordsOf(json: string): WireRecords {
  return parse(json).lazyRecords ?? expect.unreachable('the fast path was not used')
}

function pageOf(...records: object[]): string {
  return JSON.stringify({ Records: records, NextShardIterator: 'next' })
}

function allOf(records: WireRecords): WireRecord[] {
  return Array.from({ length: records.length }, (_, index) => records.at(index) ?? expect.unreachable())
}

/** Every field of a record that the library reads. */
function fieldsOf(record: WireRecord): unknown {
  const { eventID, eventName, userIdentity, dynamodb } = record
  return {
    ...{ eventID, eventName, userIdentity },
    newImage: dynamodb?.NewImage,
    oldImage: dynamodb?.OldImage,
    keys: dynamodb?.Keys,
    sequenceNumber: sequenceNumberOf(record),
    createdAtMs: createdAtMsOf(record),
    sizeBytes: sizeBytesOf(record),
    raw: decodeRecord(record),
  }
}

describe('parsePage', () => {
  test('a response in any JSON format has the same records and next iterator as with JSON.parse', () => {
    fc.assert(
      fc.property(response, choices, (value, choose) => {
        const json = writeJson(value, choose)
        const expected = JSON.parse(json)
        const page = parse(json)
        expect(page.nextIterator).toEqual(expected.NextShardIterator ?? undefined)
        expect(page.records).toEqual(expected.Records)
        if (!page.lazyRecords) return
        const records = allOf(page.lazyRecords)
        expect(records.map((record) => (record as LazyRecord).parsed)).toEqual(expected.Records)
        expect(records.map(fieldsOf)).toEqual(expected.Records.map(fieldsOf))
      }),
      { numRuns: 300 },
    )
  })

  test('a response that conforms to the model of the service is read without parsing its records', () => {
    const digits = fc.bigInt({ min: 10n ** 20n, max: 10n ** 40n - 1n }).map(String)
    const record = fc
      .tuple(
        wireRecord,
        fc.option(digits, { nil: null }),
        fc.option(fc.double({ min: 0, max: 4e9, noNaN: true })),
      )
      .map(([rest, SequenceNumber, ApproximateCreationDateTime]) => ({
        ...rest,
        dynamodb: {
          ...(rest as { dynamodb?: object }).dynamodb,
          SequenceNumber,
          ApproximateCreationDateTime,
        },
      }))
    fc.assert(
      fc.property(fc.array(record), choices, (Records, choose) => {
        const json = writeJson({ NextShardIterator: 'next', Records }, choose)
        expect(allOf(lazyRecordsOf(json)).map(fieldsOf)).toEqual(JSON.parse(json).Records.map(fieldsOf))
      }),
    )
  })

  test('the size of a record is known without parsing it, if it is an integer of up to nine digits', () => {
    const sizeOf = (json: string) => {
      const change = `{"Keys":{"SizeBytes":{"N":"5"}},"SizeBytes":${json},"SequenceNumber":"1"}`
      return (lazyRecordsOf(`{"Records":[{"dynamodb":${change}}]}`).at(0) as LazyRecord).sizeBytes
    }
    expect(['0', '77', '123456789', ' 7 '].map(sizeOf)).toEqual([0, 77, 123_456_789, 7])
    for (const json of ['1234567890', '-1', '1e3', '7.5', '"7"', 'null', '[7]']) {
      expect(sizeOf(json), json).toBeUndefined()
    }
  })

  test('a response that is truncated at any byte is refused', () => {
    fc.assert(
      fc.property(
        response,
        choices,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (value, choose, fraction) => {
          const body = Buffer.from(writeJson(value, choose))
          const end = Math.min(body.length - 1, Math.floor(body.length * fraction))
          expect(parsePage(body.subarray(0, end))).toBeUndefined()
        },
      ),
    )
  })

  test('a response with a wrong byte is never read as fewer or different records', () => {
    const byte = fc.constantFrom(...'"\\{}[],:0 \u0000ntx')
    fc.assert(
      fc.property(
        response,
        choices,
        fc.nat(),
        byte,
        fc.boolean(),
        (value, choose, offset, wrong, isInserted) => {
          const json = writeJson(value, choose)
          const at = offset % json.length
          const damaged = json.slice(0, at) + wrong + json.slice(isInserted ? at : at + 1)
          const body = Buffer.from(damaged)
          const page = parsePage(body)
          const expected = parsedOrUndefined(body.toString())
          if (expected !== undefined && page?.lazyRecords) {
            expect(allOf(page.lazyRecords).map((record) => (record as LazyRecord).parsed)).toEqual(
              expected.Records,
            )
          } else if (expected === undefined && page?.lazyRecords) {
            // Invalid JSON within a record is detected only when the record is parsed.
            expect(() =>
              allOf(page.lazyRecords as WireRecords).map((record) => (record as LazyRecord).parsed),
            ).toThrow(SyntaxError)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

function parsedOrUndefined(json: string): Response | undefined {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

describe('the creation time and the sequence number of a lazy record', () => {
  const withTime = (time: string) =>
    `{"Records":[{"dynamodb":{"ApproximateCreationDateTime":${time},"SequenceNumber":"1"}}]}`

  test.each([
    ['1767225600', 1_767_225_600_000],
    ['1.7672256E9', 1_767_225_600_000],
    ['1.46480431E9', 1_464_804_310_000],
    ['1795552380.000', 1_795_552_380_000],
    ['1795552380.397', 1_795_552_380_397],
    ['1.795552380397E9', 1_795_552_380_397],
    ['17672256e+2', 1_767_225_600_000],
    ['1767225600123456789E-9', 1_767_225_600_123],
    ['-1.5', -1_500],
    ['0', 0],
    ['0.0 ', 0],
    ['null', undefined],
  ])('a time of %s is read without parsing the record', (time, ms) => {
    expect(createdAtMsOf(lazyRecordsOf(withTime(time)).at(0) as LazyRecord)).toBe(ms)
  })

  test.each(['"1767225600"', '[1]', '{}', 'true'])(
    'a response with a time of %s is parsed with JSON.parse',
    (time) => {
      const page = parse(withTime(time))
      expect(page.lazyRecords).toBeUndefined()
      expect(page.records).toEqual(JSON.parse(withTime(time)).Records)
    },
  )

  test.each(['01', '1.', '.5', '+1', '1e', '1.7.6', '--1', 'NaN', '1x', '', 'nul'])(
    'a response with the invalid time %j is refused',
    (time) => {
      expect(parsePage(Buffer.from(withTime(time)))).toBeUndefined()
    },
  )

  test.each(['"x"', '""', '"-1"', '"1.5"', '" 1"', '7', `"${'1'.repeat(65)}"`, '"\\u0031"', '"é"'])(
    'a response with a sequence number of %s is parsed with JSON.parse',
    (number) => {
      const json = `{"Records":[{"dynamodb":{"SequenceNumber":${number}}}]}`
      expect(parse(json)).toMatchObject({ lazyRecords: undefined, records: JSON.parse(json).Records })
    },
  )

  test('the time and sequence number are those of the record, not of attributes or objects with the same name', () => {
    const image = { SequenceNumber: { S: '1' }, ApproximateCreationDateTime: { N: '2' }, dynamodb: { M: {} } }
    const record = {
      before: { dynamodb: { SequenceNumber: '3' } },
      SequenceNumber: '4',
      dynamodb: { NewImage: image, SequenceNumber: '5', dynamodb: { SequenceNumber: '6' } },
      after: [{ SequenceNumber: '7' }],
    }
    const first = lazyRecordsOf(pageOf(record)).at(0) as LazyRecord
    expect(sequenceNumberOf(first)).toBe('5')
    expect(createdAtMsOf(first)).toBeUndefined()
    expect(first.dynamodb?.NewImage).toEqual(image)
  })

  test('the last of several members with the same name is used, as by JSON.parse', () => {
    const json =
      '{"Records":[{"dynamodb":{"SequenceNumber":"1","ApproximateCreationDateTime":1,"NewImage":{"a":1}},' +
      '"dynamodb":{"SequenceNumber":"2","OldImage":{"b":2},"SequenceNumber":"3","OldImage":null}}]}'
    const [record] = allOf(lazyRecordsOf(json))
    expect(fieldsOf(record ?? expect.unreachable())).toEqual(fieldsOf(JSON.parse(json).Records[0]))
    expect(sequenceNumberOf(record as LazyRecord)).toBe('3')
  })

  test('consecutive records with equal and different times have the right times', () => {
    const times = [
      '1.7672256E9',
      '1.7672256E9',
      '1.7672257E9',
      '17672257E2',
      '1.7672256E9',
      'null',
      '1.7672256E9',
      '1.7672256E8',
      '1767225600',
      '176722560',
      '17',
    ]
    const records = times.map((time) => `{"dynamodb":{"ApproximateCreationDateTime":${time}}}`)
    expect(allOf(lazyRecordsOf(`{"Records":[${records}]}`)).map(createdAtMsOf)).toEqual(
      times.map((time) => (time === 'null' ? undefined : Number(time) * 1000)),
    )
  })
})

describe('unusual and invalid responses', () => {
  test.each([
    ['escapes in names of a record', '{"Records":[{"dynamod\\u0062":{"SequenceNumber":"1"}}]}'],
    ['escapes in names of the response', '{"Record\\u0073":[{"a":1}]}'],
    ['two arrays of records', '{"Records":[{"a":1}],"Records":[{"a":2}]}'],
    ['a record that is null', '{"Records":[null]}'],
    ['a record that is an array', '{"Records":[[{}]]}'],
    ['a record that is a number', '{"Records":[{},5]}'],
  ])('a response with %s is parsed with JSON.parse', (_, json) => {
    expect(parse(json)).toEqual({
      records: JSON.parse(json).Records,
      lazyRecords: undefined,
      nextIterator: undefined,
    })
  })

  test.each([
    '',
    '[]',
    'null',
    '5',
    '{}',
    '{"Records":{}}',
    '{"Records":[{},]}',
    '{"Records":[,{}]}',
    '{"Records":[{} {}]}',
    '{"Records":[{}}',
    '{"Records":[]]}',
    '{"Records":[]}}',
    '{"Records":[],}',
    '{"Records":[]} x',
    '{"Records":[],"NextShardIterator":5}',
    '{"Records":[],"Later":{"a":}}',
    '<html>',
  ])('the response %j is refused', (body) => {
    expect(parsePage(Buffer.from(body))).toBeUndefined()
  })
})

test('an empty response has no records, but a next iterator', () => {
  for (const json of [
    '{"Records":[],"NextShardIterator":"n"}',
    '{ "NextShardIterator" : "n", "Records" : [ ] }\n',
  ]) {
    expect(lazyRecordsOf(json).length).toBe(0)
    expect(parse(json)).toMatchObject({ records: [], nextIterator: 'n' })
  }
})

test('a page with more records than all previous ones is read to its end', () => {
  for (const count of [200, 3_000, 1]) {
    const records = Array.from({ length: count }, (_, n) => ({ dynamodb: { SequenceNumber: String(n) } }))
    expect(allOf(lazyRecordsOf(pageOf(...records))).map(sequenceNumberOf)).toEqual(
      records.map(({ dynamodb }) => dynamodb.SequenceNumber),
    )
  }
})

test('a page that is a view of a larger buffer, such as that of a socket, does not keep the buffer in memory', () => {
  const page = Buffer.from(pageOf({ eventID: '1' }))
  const large = Buffer.alloc(64 * 1024)
  page.copy(large, 100)
  const records = parsePage(large.subarray(100, 100 + page.length))?.lazyRecords
  large.fill('!')
  expect(records?.at(0)?.eventID).toBe('1')
})

describe('a lazy record', () => {
  const images = { NewImage: { n: { S: 'é"{}' } }, OldImage: { o: { L: [] } } }
  const record = { eventID: '1', dynamodb: { ...images, Keys: { id: { S: 'x' } }, SizeBytes: 7 } }

  test('a lazy record does not keep its response in memory', () => {
    const body = Buffer.from(pageOf({ eventID: '1' }, { eventID: '2' }))
    const first = parsePage(body)?.lazyRecords?.at(0)
    body.fill('!')
    expect(first?.eventID).toBe('1')
  })

  test('reading other members of a lazy record does not parse its images', () => {
    const broken = pageOf(record, record).replaceAll('"o":', '"o" ').replaceAll('é', 'e')
    const first = lazyRecordsOf(broken).at(0) ?? expect.unreachable()
    expect(first.eventID).toBe('1')
    expect(first.dynamodb?.Keys).toEqual(record.dynamodb.Keys)
    expect(first.dynamodb?.SizeBytes).toBe(7)
    expect(first.dynamodb?.NewImage).toEqual({ n: { S: 'e"{}' } })
    expect(() => first.dynamodb?.OldImage).toThrow(SyntaxError)
    expect(() => decodeRecord(first)).toThrow(SyntaxError)
  })

  test('the images of a lazy record can be read in any order, even if they contain non-ASCII characters', () => {
    const first = lazyRecordsOf(pageOf(record)).at(0) ?? expect.unreachable()
    expect(first.dynamodb?.OldImage).toEqual(images.OldImage)
    expect(first.dynamodb?.NewImage).toEqual(images.NewImage)
  })
})

describe('a large page that is delivered record by record', () => {
  const written = Array.from({ length: 300 }, (_, n) => ({ eventID: String(n), text: 'é'.repeat(500) }))
  const json = pageOf(...written)

  test('the memory of a page is released in steps, and never exceeds four times the undelivered part, or 64 KiB', () => {
    const records = lazyRecordsOf(json)
    const total = Buffer.byteLength(JSON.stringify(written)) - '[]'.length
    let retained = total
    let releases = 0
    for (let index = 0; index < records.length; index++) {
      expect(records.at(index)?.eventID).toBe(String(index))
      const released = records.release?.(index + 1) ?? 0
      if (released > 0) releases++
      retained -= released
      const undelivered = total * (1 - (index + 1) / records.length)
      expect(retained).toBeLessThanOrEqual(Math.max(4 * undelivered + 2_000, 64 * 1024))
    }
    expect(releases).toBeGreaterThan(1)
    expect(releases).toBeLessThan(5)
  })

  test('records that were not released can be read in any order', () => {
    fc.assert(
      fc.property(fc.nat(299), fc.array(fc.nat(299)), (before, order) => {
        const records = lazyRecordsOf(json)
        records.release?.(before)
        for (const index of order) {
          expect([String(index), undefined]).toContain(records.at(index)?.eventID)
          if (index >= before) expect(records.at(index)?.eventID).toBe(String(index))
        }
      }),
    )
  })

  test('an index before the first or after the last record returns undefined', () => {
    const records = lazyRecordsOf(json)
    expect(records.at(-1)).toBeUndefined()
    expect(records.at(300)).toBeUndefined()
  })
})

test('random bytes are refused as a response', () => {
  for (let size = 0; size < 200; size++) expect(parsePage(randomBytes(size))).toBeUndefined()
})
