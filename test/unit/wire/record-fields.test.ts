import { expect, test } from 'vitest'
import { createdAtMsOf, sequenceNumberOf, sizeBytesOf } from '../../../src/wire/record-fields.ts'

test('the creation time of a record is the same in JSON form and in the form of the SDK', () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5)
  expect(createdAtMsOf({ dynamodb: { ApproximateCreationDateTime: new Date(ms) } })).toBe(ms)
  expect(createdAtMsOf({ dynamodb: { ApproximateCreationDateTime: ms / 1000 } })).toBe(ms)
  expect(createdAtMsOf({ dynamodb: { ApproximateCreationDateTime: 1.7674e9 } })).toBe(1_767_400_000_000)
})

test.each([{}, { dynamodb: {} }, { dynamodb: { ApproximateCreationDateTime: new Date(Number.NaN) } }])(
  'the record %j has no creation time',
  (wire) => {
    expect(createdAtMsOf(wire)).toBeUndefined()
  },
)

test('the sequence number of a record without one is an empty string', () => {
  expect(sequenceNumberOf({ dynamodb: { SequenceNumber: '7' } })).toBe('7')
  expect(sequenceNumberOf({})).toBe('')
})

test('the size of a record is the one that the service reports', () => {
  expect(sizeBytesOf({ dynamodb: { SizeBytes: 300, NewImage: { a: { S: 'x' } } } })).toBe(300)
})

test('without a reported size, the estimate grows with the content of the record', () => {
  const sizeWith = (member: unknown) => sizeBytesOf({ dynamodb: { NewImage: { a: member } } })
  expect(sizeWith({ S: 'x'.repeat(5000) }) - sizeWith({ S: '' })).toBe(5000)
  expect(sizeWith({ B: new Uint8Array(5000) }) - sizeWith({ B: new Uint8Array() })).toBe(5000)
  expect(sizeWith({ L: [{ S: 'abc' }, { NULL: true }] })).toBeGreaterThan(sizeWith({ L: [] }))
  expect(sizeBytesOf({})).toBeGreaterThan(0)
})
