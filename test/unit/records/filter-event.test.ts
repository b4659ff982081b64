import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toFilterEvent } from '../../../src/records/filter-event.ts'
import { toLambdaRecord } from '../../../src/records/lambda-record.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { decodeRecord } from '../../../src/wire/decode-record.ts'
import { parsePage } from '../../../src/wire/parse-page.ts'

const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000'

function lazyRecord(json: string): StreamRecord {
  const wire = parsePage(Buffer.from(`{"Records":[${json}]}`))?.lazyRecords?.at(0)
  return new StreamRecord(wire ?? expect.unreachable(), { shardId: 'shardId-1', decode: decodeRecord }, 0)
}

const { attribute } = fc.letrec<{ attribute: unknown }>((tie) => ({
  attribute: fc.oneof(
    { maxDepth: 3 },
    fc.record({ S: fc.string({ unit: 'grapheme' }) }),
    fc.record({ N: fc.integer().map(String) }),
    fc.record({ B: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')) }),
    fc.record({ SS: fc.array(fc.string()) }),
    fc.record({ BOOL: fc.boolean() }),
    fc.record({ NULL: fc.constant(true) }),
    fc.record({ L: fc.array(tie('attribute')) }),
    fc.record({ M: fc.dictionary(fc.string(), tie('attribute')) }),
  ),
}))
const attributes = fc.dictionary(fc.string(), attribute)

/** Records as the service writes them, with or without each optional member. */
const serviceRecord = fc.record(
  {
    eventID: fc.string(),
    eventName: fc.constantFrom('INSERT', 'MODIFY', 'REMOVE'),
    eventVersion: fc.constant('1.1'),
    eventSource: fc.constant('aws:dynamodb'),
    awsRegion: fc.constant('eu-west-1'),
    userIdentity: fc.constant({ Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' }),
    dynamodb: fc.record(
      {
        ApproximateCreationDateTime: fc.integer({ min: 1_700_000_000, max: 1_900_000_000 }),
        Keys: attributes,
        NewImage: attributes,
        OldImage: attributes,
        SequenceNumber: fc.bigInt({ min: 10n ** 20n, max: 10n ** 40n }).map(String),
        SizeBytes: fc.nat(),
        StreamViewType: fc.constant('NEW_AND_OLD_IMAGES'),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)

/** The members that exist, as the search for a pattern reads them. */
function membersOf(event: ReturnType<typeof toFilterEvent>): unknown {
  const { dynamodb } = event
  const images = { NewImage: dynamodb?.NewImage, OldImage: dynamodb?.OldImage }
  return JSON.parse(JSON.stringify({ ...event, ...(dynamodb && { dynamodb: { ...dynamodb, ...images } }) }))
}

test('filters see a record that is read lazily as Lambda delivers it', () => {
  fc.assert(
    fc.property(serviceRecord, (record) => {
      const json = JSON.stringify(record)
      const expected = membersOf(toLambdaRecord(lazyRecord(json), streamArn))
      expect(membersOf(toFilterEvent(lazyRecord(json), streamArn, true))).toEqual(expected)
    }),
  )
})

test('filters see a record in the form of the SDK as Lambda delivers it', () => {
  fc.assert(
    fc.property(serviceRecord, (record) => {
      const raw = decodeRecord(record as Parameters<typeof decodeRecord>[0])
      const sdk = new StreamRecord(raw, { shardId: 'shardId-1' }, 0)
      const expected = membersOf(toLambdaRecord(lazyRecord(JSON.stringify(record)), streamArn))
      expect(membersOf(toFilterEvent(sdk, streamArn, false))).toEqual(expected)
    }),
  )
})

test('an image is parsed when a filter reads it, and only once', () => {
  const json = '{"dynamodb":{"NewImage":{"a":{"S":"x"}},"OldImage":{"a" "damaged"},"Keys":{},"SizeBytes":1}}'
  const { dynamodb } = toFilterEvent(lazyRecord(json), streamArn, true)
  expect(dynamodb?.SizeBytes).toBe(1)
  expect(dynamodb?.NewImage).toEqual({ a: { S: 'x' } })
  expect(dynamodb?.NewImage).toBe(dynamodb?.NewImage)
  expect(() => dynamodb?.OldImage).toThrow(SyntaxError)
})

test('a member that is null is absent for filters, also if an image before it was not parsed', () => {
  const json = '{"eventName":null,"dynamodb":{"NewImage":{"a":{"S":"x"}},"OldImage":null,"Keys":null}}'
  for (const readsImages of [false, true]) {
    const event = toFilterEvent(lazyRecord(json), streamArn, readsImages)
    expect(event.eventName).toBeUndefined()
    expect(event.dynamodb?.Keys).toBeUndefined()
    expect(event.dynamodb?.OldImage).toBeUndefined()
    expect(event.dynamodb?.NewImage).toEqual(readsImages ? { a: { S: 'x' } } : undefined)
  }
})
