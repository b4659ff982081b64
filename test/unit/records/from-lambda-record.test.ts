import assert from 'node:assert'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LambdaRecordError } from '../../../src/records/convert-lambda-record.ts'
import { fromLambdaRecord } from '../../../src/records/from-lambda-record.ts'
import { toLambdaRecord } from '../../../src/records/lambda-record.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { decodeRecord } from '../../../src/wire/decode-record.ts'
import { parsePage } from '../../../src/wire/parse-page.ts'
import { createdAtMsOf } from '../../../src/wire/record-fields.ts'
import type { WireRecord } from '../../../src/wire/wire-record.ts'
import { attribute, attributes } from '../wire/wire-arbitraries.ts'

const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000'
const shardId = 'shardId-00000001767225600000-abcdef01'

/** A record as Lambda passes it to a function. */
const event = {
  eventID: '1a2b',
  eventName: 'REMOVE',
  eventVersion: '1.1',
  eventSource: 'aws:dynamodb',
  awsRegion: 'eu-west-1',
  dynamodb: {
    ApproximateCreationDateTime: 1_767_323_045,
    Keys: { id: { S: 'a' }, sort: { N: '1.0' } },
    NewImage: { id: { S: 'a' }, sort: { N: '1.0' }, b: { B: '+/8=' } },
    OldImage: { id: { S: 'a' }, sort: { N: '1.0' }, m: { M: { l: { L: [{ BS: ['AQ=='] }] } } } },
    SequenceNumber: '421000000000012345678901',
    SizeBytes: 200,
    StreamViewType: 'NEW_AND_OLD_IMAGES',
  },
  userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' },
  eventSourceARN: streamArn,
}

/** Passes a record through the JSON of an event. */
function throughEvent(original: StreamRecord): StreamRecord {
  return fromLambdaRecord(JSON.parse(JSON.stringify(toLambdaRecord(original, streamArn))), shardId)
}

/** The record as it is read: lazily from a response, or from the SDK. */
function forms(wire: object): readonly StreamRecord[] {
  const lazy = parsePage(Buffer.from(JSON.stringify({ Records: [wire] })))?.records.at(0)
  if (lazy === undefined) throw new Error('The page could not be parsed.')
  const createdAtMs = createdAtMsOf(lazy) ?? 0
  return [
    new StreamRecord(lazy, { shardId, decode: decodeRecord }, createdAtMs),
    new StreamRecord(decodeRecord(wire as WireRecord), { shardId }, createdAtMs),
  ]
}

/** A record as the service sends it. */
const serviceRecord = fc.record({
  eventID: fc.uuid(),
  eventName: fc.constantFrom('INSERT', 'MODIFY', 'REMOVE'),
  eventVersion: fc.constant('1.1'),
  eventSource: fc.constant('aws:dynamodb'),
  awsRegion: fc.constant('eu-west-1'),
  userIdentity: fc.option(fc.constant({ PrincipalId: 'dynamodb.amazonaws.com', Type: 'Service' }), {
    nil: undefined,
  }),
  dynamodb: fc.record(
    {
      ApproximateCreationDateTime: fc.oneof(
        fc.integer({ min: 0, max: 4e9 }),
        fc.integer({ min: 0, max: 4e12 }).map((ms) => ms / 1000),
      ),
      Keys: fc.oneof(fc.record({ id: attribute }), fc.record({ id: attribute, sort: attribute })),
      NewImage: attributes,
      OldImage: attributes,
      SequenceNumber: fc.bigInt({ min: 10n ** 20n, max: 10n ** 40n - 1n }).map(String),
      SizeBytes: fc.nat(),
      StreamViewType: fc.constant('NEW_AND_OLD_IMAGES'),
    },
    { requiredKeys: ['ApproximateCreationDateTime', 'Keys', 'SequenceNumber', 'SizeBytes'] },
  ),
})

test('any record that passes through the JSON of a Lambda event is the same afterwards', () => {
  fc.assert(
    fc.property(serviceRecord, (arbitrary) => {
      const wire = JSON.parse(JSON.stringify(arbitrary))
      for (const original of forms(wire)) {
        const copy = throughEvent(original)
        assert.deepStrictEqual(copy.raw, original.raw)
        assert.deepStrictEqual(copy.raw, decodeRecord(wire))
        expect(copy.itemKey).toBe(original.itemKey)
        expect(copy.toJSON()).toEqual(original.toJSON())
        expect(copy.keys).toEqual(original.keys)
        expect(copy.newImage).toEqual(original.newImage)
        expect(copy.oldImage).toEqual(original.oldImage)
      }
    }),
    { numRuns: 300 },
  )
})

test('a record of a Lambda event has the values and the form of a record that was read from the stream', () => {
  const record = fromLambdaRecord(event, shardId)
  expect(record.raw).toEqual({
    eventID: '1a2b',
    eventName: 'REMOVE',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: new Date('2026-01-02T03:04:05Z'),
      Keys: event.dynamodb.Keys,
      NewImage: { id: { S: 'a' }, sort: { N: '1.0' }, b: { B: new Uint8Array([251, 255]) } },
      OldImage: {
        id: { S: 'a' },
        sort: { N: '1.0' },
        m: { M: { l: { L: [{ BS: [new Uint8Array([1])] }] } } },
      },
      SequenceNumber: '421000000000012345678901',
      SizeBytes: 200,
      StreamViewType: 'NEW_AND_OLD_IMAGES',
    },
    userIdentity: { PrincipalId: 'dynamodb.amazonaws.com', Type: 'Service' },
  })
  expect(record).toMatchObject({
    eventId: '1a2b',
    eventName: 'REMOVE',
    shardId,
    sequenceNumber: '421000000000012345678901',
    createdAt: new Date('2026-01-02T03:04:05Z'),
    sizeBytes: 200,
    keys: { id: 'a', sort: 1 },
    newImage: { id: 'a', sort: 1, b: new Uint8Array([251, 255]) },
    isTtlDelete: true,
    itemKey: '{"id":{"S":"a"},"sort":{"N":"1"}}',
  })
})

test('a creation time with a fraction keeps its milliseconds', () => {
  const dynamodb = { ...event.dynamodb, ApproximateCreationDateTime: 1_767_323_045.123 }
  expect(fromLambdaRecord({ ...event, dynamodb }, shardId).createdAt.getTime()).toBe(1_767_323_045_123)
})

test('a record with only what every emulator sends is accepted, and its members stay absent', () => {
  const sparse = { dynamodb: { SequenceNumber: '1' }, eventSourceARN: streamArn }
  for (const value of [sparse, { ...sparse, eventID: null, dynamodb: { ...sparse.dynamodb, Keys: null } }]) {
    const record = fromLambdaRecord(value, shardId, 5)
    expect(record.raw).toEqual({ dynamodb: { SequenceNumber: '1' } })
    expect(record.itemKey).toBe(`#${shardId}/1`)
    expect(record.createdAt).toEqual(new Date(5))
    expect(record.isTtlDelete).toBe(false)
  }
})

test('an attribute of a type that this version does not know has the form of the SDK', () => {
  const wire = { dynamodb: { SequenceNumber: '1', NewImage: { a: { VEC: [1, 2] } } } }
  for (const original of forms(wire)) {
    expect(throughEvent(original).raw.dynamodb?.NewImage).toEqual({ a: { $unknown: ['VEC', [1, 2]] } })
  }
})

describe('untrusted input', () => {
  const withChange = (members: object) => ({ ...event, dynamodb: { ...event.dynamodb, ...members } })
  const withAttribute = (value: unknown) => withChange({ NewImage: { secretName: value } })

  const refusals: readonly [value: unknown, path: string][] = [
    [undefined, ''],
    [null, ''],
    ['text', ''],
    [[event], ''],
    [{}, 'dynamodb'],
    [{ ...event, eventSourceARN: undefined }, 'eventSourceARN'],
    [{ ...event, eventID: 5 }, 'eventID'],
    [{ ...event, eventName: {} }, 'eventName'],
    [{ ...event, userIdentity: 'root' }, 'userIdentity'],
    [{ ...event, userIdentity: { type: 1 } }, 'userIdentity.type'],
    [{ kinesis: { data: '' }, eventSource: 'aws:kinesis', eventSourceARN: 'arn:aws:kinesis' }, 'dynamodb'],
    [{ ...event, dynamodb: [] }, 'dynamodb'],
    [withChange({ SequenceNumber: undefined }), 'dynamodb.SequenceNumber'],
    [withChange({ SequenceNumber: 421 }), 'dynamodb.SequenceNumber'],
    [withChange({ SequenceNumber: '' }), 'dynamodb.SequenceNumber'],
    [withChange({ SequenceNumber: '1'.repeat(129) }), 'dynamodb.SequenceNumber'],
    [withChange({ SequenceNumber: '-1' }), 'dynamodb.SequenceNumber'],
    [withChange({ SizeBytes: '200' }), 'dynamodb.SizeBytes'],
    [
      withChange({ ApproximateCreationDateTime: '2026-01-01T00:00:00Z' }),
      'dynamodb.ApproximateCreationDateTime',
    ],
    [withChange({ ApproximateCreationDateTime: 1e13 }), 'dynamodb.ApproximateCreationDateTime'],
    [withChange({ ApproximateCreationDateTime: Number.NaN }), 'dynamodb.ApproximateCreationDateTime'],
    [withChange({ Keys: 'a' }), 'dynamodb.Keys'],
    [withChange({ Keys: { id: 'a' } }), 'dynamodb.Keys.*'],
    [withChange({ OldImage: [] }), 'dynamodb.OldImage'],
    [withAttribute(null), 'dynamodb.NewImage.*'],
    [withAttribute({}), 'dynamodb.NewImage.*'],
    [withAttribute({ S: 'a', N: '1' }), 'dynamodb.NewImage.*'],
    [withAttribute({ name: 'plain' }), 'dynamodb.NewImage.*'],
    [withAttribute({ S: 1 }), 'dynamodb.NewImage.*.S'],
    [withAttribute({ S: null }), 'dynamodb.NewImage.*.S'],
    [withAttribute({ N: 1 }), 'dynamodb.NewImage.*.N'],
    [withAttribute({ N: '' }), 'dynamodb.NewImage.*.N'],
    [withAttribute({ N: '0x10' }), 'dynamodb.NewImage.*.N'],
    [withAttribute({ B: 'AQ' }), 'dynamodb.NewImage.*.B'],
    [withAttribute({ B: { type: 'Buffer', data: [1] } }), 'dynamodb.NewImage.*.B'],
    [withAttribute({ BOOL: 'true' }), 'dynamodb.NewImage.*.BOOL'],
    [withAttribute({ NULL: 1 }), 'dynamodb.NewImage.*.NULL'],
    [withAttribute({ SS: 'a' }), 'dynamodb.NewImage.*.SS'],
    [withAttribute({ SS: [1] }), 'dynamodb.NewImage.*.SS[]'],
    [withAttribute({ NS: ['x'] }), 'dynamodb.NewImage.*.NS[]'],
    [withAttribute({ BS: ['???'] }), 'dynamodb.NewImage.*.BS[]'],
    [withAttribute({ L: {} }), 'dynamodb.NewImage.*.L'],
    [withAttribute({ L: [{ S: 'a' }, 'secretValue'] }), 'dynamodb.NewImage.*.L[]'],
    [withAttribute({ M: [] }), 'dynamodb.NewImage.*.M'],
    [withAttribute({ M: { a: { M: { b: { N: 'secretValue' } } } } }), 'dynamodb.NewImage.*.M.*.M.*.N'],
  ]

  test.each(refusals.map(([value, path], index) => ({ value, path, number: index + 1 })))(
    'invalid record $number is rejected because of its member "$path", without values and names of attributes',
    ({ value, path }) => {
      const error = thrownBy(() => fromLambdaRecord(value, shardId))
      expect(error).toBeInstanceOf(LambdaRecordError)
      expect(error).toBeInstanceOf(TypeError)
      expect(error.path).toBe(path)
      expect(error.message).toMatch(/^Invalid stream record: .+ must be .+\.$/)
      expect(error.message).not.toContain('secret')
    },
  )

  test('an attribute named __proto__ keeps its value, and changes no prototype', () => {
    const json = JSON.stringify(event).replace(
      '"NewImage":{',
      '"NewImage":{"__proto__":{"M":{"__proto__":{"S":"a"},"polluted":{"BOOL":true}}},',
    )
    const record = fromLambdaRecord(JSON.parse(json), shardId)
    expect(JSON.stringify(record.raw.dynamodb?.NewImage)).toContain('"__proto__":{"M":{"__proto__":{"S":"a"}')
    expect(Object.getOwnPropertyNames(record.newImage)).toContain('__proto__')
    expect(Object.getPrototypeOf(record.newImage)).toBe(Object.prototype)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test('members named __proto__ outside of the attributes are ignored', () => {
    const json = `{"__proto__":{"eventID":"x"},"dynamodb":{"SequenceNumber":"1","__proto__":{"SizeBytes":7}},
      "userIdentity":{"__proto__":{"type":"Service"}},"eventSourceARN":"a"}`
    const record = fromLambdaRecord(JSON.parse(json), shardId)
    expect(record.eventId).toBe('')
    expect(record.raw).toEqual({ dynamodb: { SequenceNumber: '1' }, userIdentity: {} })
  })

  test('nesting that would exhaust the call stack is rejected', () => {
    const deep = JSON.parse(`${'{"L":['.repeat(100_000)}${']}'.repeat(100_000)}`)
    expect(() => fromLambdaRecord(withAttribute(deep), shardId)).toThrow(
      'Invalid stream record: it must be nested in at most 100 levels.',
    )
  })

  test('the nesting that DynamoDB allows is accepted', () => {
    const deep = JSON.parse(`${'{"M":{"a":'.repeat(32)}{"S":"x"}${'}}'.repeat(32)}`)
    expect(fromLambdaRecord(withAttribute(deep), shardId).raw.dynamodb?.NewImage).toEqual({
      secretName: deep,
    })
  })
})

function thrownBy(call: () => unknown): LambdaRecordError {
  try {
    call()
  } catch (error) {
    return error as LambdaRecordError
  }
  throw new Error('Nothing was thrown.')
}
