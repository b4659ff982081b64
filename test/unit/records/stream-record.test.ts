import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import type { RawRecord } from '../../../src/wire/wire-record.ts'

const createdAtMs = Date.UTC(2026, 0, 2, 3, 4, 5)

const raw: RawRecord = {
  eventID: 'id-1',
  eventName: 'MODIFY',
  dynamodb: {
    SequenceNumber: '000000000000000000042',
    SizeBytes: 77,
    Keys: { id: { S: 'a' } },
    NewImage: {
      id: { S: 'a' },
      tags: { SS: ['x', 'y'] },
      blob: { B: new Uint8Array([1, 2]) },
      n: { N: '2' },
    },
    OldImage: { id: { S: 'a' }, n: { N: '123456789012345678901' } },
  },
}

function recordOf(wire: RawRecord): StreamRecord {
  return new StreamRecord(wire, { shardId: 'shardId-1' }, createdAtMs)
}

test('a record has the fields that the service sent', () => {
  expect(recordOf(raw)).toMatchObject({
    eventId: 'id-1',
    eventName: 'MODIFY',
    shardId: 'shardId-1',
    sequenceNumber: '000000000000000000042',
    createdAt: new Date(createdAtMs),
    sizeBytes: 77,
    isTtlDelete: false,
  })
})

test('keys and images are converted to plain values', () => {
  const record = recordOf(raw)
  expect(record.keys).toEqual({ id: 'a' })
  expect(record.newImage).toEqual({ id: 'a', tags: new Set(['x', 'y']), blob: new Uint8Array([1, 2]), n: 2 })
  expect(record.oldImage).toEqual({ id: 'a', n: 123456789012345678901n })
})

test('images that the view type excludes are undefined', () => {
  const record = recordOf({ ...raw, dynamodb: { SequenceNumber: '1', Keys: { id: { S: 'a' } } } })
  expect([record.newImage, record.oldImage]).toEqual([undefined, undefined])
})

test('a record without any optional member can be read', () => {
  const record = recordOf({})
  expect(record).toMatchObject({
    eventId: '',
    sequenceNumber: '',
    keys: {},
    createdAt: new Date(createdAtMs),
  })
  expect(record.eventName).toBeUndefined()
})

test('an unknown event name is returned unchanged', () => {
  expect(recordOf({ eventName: 'UNKNOWN_TO_SDK_VERSION' } as object).eventName).toBe('UNKNOWN_TO_SDK_VERSION')
})

test('changing the returned Date does not change the record', () => {
  const record = recordOf(raw)
  record.createdAt.setTime(0)
  expect(record.createdAt.getTime()).toBe(createdAtMs)
})

test('raw is the record of the SDK, or the result of decode(), which is called only once', () => {
  expect(recordOf(raw).raw).toBe(raw)
  const decode = vi.fn(() => raw)
  const record = new StreamRecord({ eventID: 'wire' }, { shardId: 's', decode }, createdAtMs)
  expect(decode).not.toHaveBeenCalled()
  expect([record.raw, record.raw]).toEqual([raw, raw])
  expect(decode).toHaveBeenCalledTimes(1)
})

test('an image is unmarshalled once, with the unmarshall options', () => {
  const wrapNumbers = vi.fn((value: string) => `number ${value}`)
  const record = new StreamRecord(raw, { shardId: 's', unmarshallOptions: { wrapNumbers } }, createdAtMs)
  expect(wrapNumbers).not.toHaveBeenCalled()
  expect(record.newImage).toBe(record.newImage)
  expect(record.newImage).toMatchObject({ n: 'number 2' })
  expect(wrapNumbers).toHaveBeenCalledTimes(1)
})

describe('isTtlDelete', () => {
  const service = { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' }

  test('a removal by the DynamoDB service is a TTL delete', () => {
    expect(recordOf({ eventName: 'REMOVE', userIdentity: service }).isTtlDelete).toBe(true)
  })

  test('a TTL delete is recognized with the member names of Lambda events', () => {
    const userIdentity = { type: 'Service', principalId: 'dynamodb.amazonaws.com' }
    expect(recordOf({ eventName: 'REMOVE', userIdentity } as object).isTtlDelete).toBe(true)
  })

  test.each([
    ['a removal by a user', { eventName: 'REMOVE' }],
    [
      'a removal by another service',
      { eventName: 'REMOVE', userIdentity: { ...service, PrincipalId: 'x.amazonaws.com' } },
    ],
    [
      'a removal by a principal of another type',
      { eventName: 'REMOVE', userIdentity: { ...service, Type: 'User' } },
    ],
    ['a modification', { eventName: 'MODIFY', userIdentity: service }],
  ] as const)('%s is not a TTL delete', (_, wire) => {
    expect(recordOf(wire).isTtlDelete).toBe(false)
  })
})

test('JSON.stringify writes every value, including types that JSON does not have', () => {
  expect(JSON.parse(JSON.stringify(recordOf(raw)))).toEqual({
    eventId: 'id-1',
    eventName: 'MODIFY',
    shardId: 'shardId-1',
    sequenceNumber: '000000000000000000042',
    createdAt: '2026-01-02T03:04:05.000Z',
    sizeBytes: 77,
    keys: { id: 'a' },
    newImage: { id: 'a', tags: ['x', 'y'], blob: 'AQI=', n: 2 },
    oldImage: { id: 'a', n: '123456789012345678901' },
    isTtlDelete: false,
  })
})

test('console.log shows the values of a record', () => {
  const output = inspect(recordOf(raw))
  expect(output).toMatch(/^StreamRecord \{/)
  expect(output).toContain("sequenceNumber: '000000000000000000042'")
  expect(output).toContain("keys: { id: 'a' }")
  expect(inspect([[[recordOf(raw)]]], { depth: 1 })).not.toContain('newImage')
})
