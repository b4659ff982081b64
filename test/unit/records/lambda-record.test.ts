import type { DynamoDBRecord } from 'aws-lambda'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LambdaRecord, toLambdaRecord } from '../../../src/records/lambda-record.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { decodeRecord } from '../../../src/wire/decode-record.ts'
import { parsePage } from '../../../src/wire/parse-page.ts'
import type { RawRecord, WireRecord } from '../../../src/wire/wire-record.ts'
import { attribute } from '../wire/wire-arbitraries.ts'

const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000'

/** A record as the service sends it, whose members are in the order of a Lambda event. */
const wire = {
  eventID: '1a2b',
  eventName: 'MODIFY',
  eventVersion: '1.1',
  eventSource: 'aws:dynamodb',
  awsRegion: 'eu-west-1',
  dynamodb: {
    ApproximateCreationDateTime: 1_767_323_045,
    Keys: { id: { S: 'a' }, sort: { N: '1' } },
    NewImage: {
      id: { S: 'a' },
      sort: { N: '1' },
      n: { N: '-12345678901234567890123456789012345678' },
      b: { B: '+/8=' },
      ss: { SS: ['x', ''] },
      ns: { NS: ['1', '1.10'] },
      bs: { BS: ['AA==', ''] },
      l: { L: [{ B: 'AQ==' }, { L: [] }, { M: { deep: { BS: ['/w=='] } } }] },
      m: { M: { B: { B: 'AQ==' }, empty: { M: {} } } },
      nothing: { NULL: true },
      no: { BOOL: false },
    },
    OldImage: {},
    SequenceNumber: '421000000000012345678901',
    SizeBytes: 200,
    StreamViewType: 'NEW_AND_OLD_IMAGES',
  },
}

/** The record as it is read: lazily from a response, from parsed JSON, or from the SDK. */
function forms(record: object): readonly StreamRecord[] {
  const context = { shardId: 'shardId-1' }
  const page = parsePage(Buffer.from(JSON.stringify({ Records: [record] })))
  const lazy = page?.records.at(0)
  if (lazy === undefined) throw new Error('The page could not be parsed.')
  return [
    new StreamRecord(lazy, { ...context, decode: decodeRecord }, 0),
    new StreamRecord(record as WireRecord, { ...context, decode: decodeRecord }, 0),
    new StreamRecord(decodeRecord(record as WireRecord), context, 0),
  ]
}

function convert(record: object): LambdaRecord {
  const [first, ...others] = forms(record).map((form) => toLambdaRecord(form, streamArn))
  for (const other of others) expect(JSON.stringify(other)).toBe(JSON.stringify(first))
  return first as LambdaRecord
}

test('the record of a Lambda event has the JSON of the stream record, byte by byte, and eventSourceARN', () => {
  expect(JSON.stringify(convert(wire))).toBe(JSON.stringify({ ...wire, eventSourceARN: streamArn }))
})

test('any item is the same in the record of a Lambda event, byte by byte', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 4 }), attribute), { maxLength: 4 }), (entries) => {
      const image = JSON.parse(
        `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)}}`,
      )
      const record = { ...wire, dynamodb: { ...wire.dynamodb, NewImage: image } }
      expect(JSON.stringify(convert(record).dynamodb?.NewImage)).toBe(JSON.stringify(image))
    }),
    { numRuns: 300 },
  )
})

test('an attribute named __proto__ keeps its value', () => {
  const image = JSON.parse('{"__proto__":{"M":{"__proto__":{"B":"AQ=="}}}}')
  const record = convert({ ...wire, dynamodb: { ...wire.dynamodb, NewImage: image } })
  expect(JSON.stringify(record.dynamodb?.NewImage)).toBe(JSON.stringify(image))
})

test('the members of userIdentity start with a lower-case letter, and follow dynamodb', () => {
  const ttlDelete = {
    eventID: '1a2b',
    eventName: 'REMOVE',
    userIdentity: { PrincipalId: 'dynamodb.amazonaws.com', Type: 'Service' },
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: { Keys: { id: { S: 'a' } }, SequenceNumber: '1' },
  }
  const record = convert(ttlDelete)
  expect(record.userIdentity).toEqual({ type: 'Service', principalId: 'dynamodb.amazonaws.com' })
  expect(Object.keys(record)).toEqual([
    'eventID',
    'eventName',
    'eventVersion',
    'eventSource',
    'awsRegion',
    'dynamodb',
    'userIdentity',
    'eventSourceARN',
  ])
})

test('a record without images, as of a KEYS_ONLY stream, has none in the Lambda event', () => {
  const { NewImage: _, OldImage: __, ...keysOnly } = wire.dynamodb
  const record = convert({ ...wire, dynamodb: { ...keysOnly, StreamViewType: 'KEYS_ONLY' } })
  expect(Object.keys(record.dynamodb ?? {})).not.toContain('NewImage')
  expect(Object.keys(record.dynamodb ?? {})).not.toContain('OldImage')
})

test('members that an emulator omits are those that Lambda always sends, and others stay absent', () => {
  expect(convert({ eventName: 'INSERT', dynamodb: { SequenceNumber: '1' } })).toEqual({
    eventName: 'INSERT',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: { SequenceNumber: '1' },
    eventSourceARN: streamArn,
  })
})

describe('records in the form of the SDK', () => {
  const imageOf = (NewImage: unknown) => {
    const raw = { dynamodb: { NewImage } } as unknown as RawRecord
    return toLambdaRecord(new StreamRecord(raw, { shardId: 's' }, 0), streamArn).dynamodb?.NewImage
  }

  test('binary values are converted to base64, also views of a part of a buffer and Buffers', () => {
    const bytes = new Uint8Array([9, 1, 2, 3, 9])
    expect(
      imageOf({ a: { B: bytes.subarray(1, 4) }, b: { B: Buffer.from([255]) }, c: { BS: [bytes] } }),
    ).toEqual({
      a: { B: 'AQID' },
      b: { B: '/w==' },
      c: { BS: ['CQECAwk='] },
    })
  })

  test('a type that the SDK does not know keeps its name and value', () => {
    expect(imageOf({ a: { $unknown: ['X', [1, 2]] } })).toEqual({ a: { X: [1, 2] } })
  })

  test('an invalid date is omitted, because JSON cannot represent it', () => {
    const raw = { dynamodb: { ApproximateCreationDateTime: new Date(Number.NaN), SequenceNumber: '1' } }
    const record = toLambdaRecord(new StreamRecord(raw, { shardId: 's' }, 0), streamArn)
    expect(record.dynamodb).toEqual({ SequenceNumber: '1' })
  })

  test('values that no service sends do not make the conversion fail', () => {
    for (const odd of [null, 'text', 5, { a: null }, { a: 'text' }, { a: { M: null, L: 'x' } }]) {
      expect(() => JSON.stringify(imageOf(odd))).not.toThrow()
    }
  })

  test('the record is not changed, and the result shares no object with it', () => {
    const raw = { dynamodb: { NewImage: { a: { M: { b: { SS: ['x'] } } } } } } as RawRecord
    const before = JSON.stringify(raw)
    const image = toLambdaRecord(new StreamRecord(raw, { shardId: 's' }, 0), streamArn).dynamodb?.NewImage
    const set = image?.a?.M?.b?.SS ?? []
    expect(set).toEqual(['x'])
    Object.assign(set, ['changed'])
    expect(JSON.stringify(raw)).toBe(before)
  })
})

test('the type of a record can be passed to functions that expect the record of a Lambda event', () => {
  const [form] = forms(wire)
  if (form === undefined) throw new Error('unreachable')
  const sequenceNumberOf = (record: DynamoDBRecord) => record.dynamodb?.SequenceNumber
  // The types of @types/aws-lambda have mutable arrays.
  const record = toLambdaRecord(form, streamArn) as DynamoDBRecord
  expect(sequenceNumberOf(record)).toBe('421000000000012345678901')
})
