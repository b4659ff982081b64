import assert from 'node:assert/strict'
import { unmarshall, type unmarshallOptions } from '@aws-sdk/util-dynamodb'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { decodeRecord } from '../../../src/wire/decode-record.ts'
import { toPlainItem } from '../../../src/wire/plain-item.ts'
import { attributes, unusualAttributes } from './wire-arbitraries.ts'

const optionSets: [string, unmarshallOptions | undefined][] = [
  ['no options', undefined],
  ['empty options', {}],
  ['wrapNumbers: false', { wrapNumbers: false }],
  ['wrapNumbers: true', { wrapNumbers: true }],
  ['a wrapNumbers function', { wrapNumbers: (value) => ({ value }) }],
  ['convertWithoutMapWrapper: true', { convertWithoutMapWrapper: true }],
  ['an option of a later version', { laterOption: true } as unmarshallOptions],
]

/** The returned value, or the message of the thrown error. */
function outcome(convert: () => unknown): unknown {
  try {
    return { value: convert() }
  } catch (error) {
    return { message: String(error) }
  }
}

describe.each(optionSets)('images, with %s', (_, unmarshallOptions) => {
  test.each([
    ['that the service sends', attributes],
    ['that no service should send', unusualAttributes],
  ])('an image with attributes %s equals the result of unmarshall', (_title, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (NewImage) => {
        const wire = { dynamodb: { NewImage } }
        const image = (decodeRecord(wire).dynamodb?.NewImage ?? {}) as Parameters<typeof unmarshall>[0]
        const record = new StreamRecord(wire, { shardId: 's', decode: decodeRecord, unmarshallOptions }, 0)
        const expected = outcome(() => unmarshall(image, unmarshallOptions))
        assert.deepStrictEqual(
          outcome(() => record.newImage),
          expected,
        )

        const sdkRecord = new StreamRecord(decodeRecord(wire), { shardId: 's', unmarshallOptions }, 0)
        assert.deepStrictEqual(
          outcome(() => sdkRecord.newImage),
          expected,
        )
      }),
      { numRuns: 100 },
    )
  })
})

test('any attributes that the service sends are converted without unmarshall', () => {
  fc.assert(
    fc.property(attributes, (image) => {
      assert.deepStrictEqual(toPlainItem(image, 'json'), unmarshall(decodeImage(image)))
    }),
  )
})

test('only a number that JavaScript cannot represent is left to unmarshall', () => {
  expect(toPlainItem({ n: { N: '12345678901234567890' }, f: { N: '1.5' } }, 'json')).toEqual({
    n: 12345678901234567890n,
    f: 1.5,
  })
  expect(toPlainItem({ n: { N: '12345678901234567890.5' } }, 'json')).toBeUndefined()
})

test('an attribute named __proto__ becomes an own property of the item, at every depth', () => {
  const image = JSON.parse(
    '{"__proto__":{"M":{"__proto__":{"S":"x"}}},"l":{"L":[{"M":{"__proto__":{"BOOL":true}}}]}}',
  )
  for (const form of ['json', 'sdk'] as const) {
    const item = toPlainItem(image, form)
    expect(JSON.stringify(item)).toBe('{"__proto__":{"__proto__":"x"},"l":[{"__proto__":true}]}')
    expect(Object.getPrototypeOf(item)).toBe(Object.prototype)
  }
})

function decodeImage(NewImage: object): Parameters<typeof unmarshall>[0] {
  return (decodeRecord({ dynamodb: { NewImage } }).dynamodb?.NewImage ?? {}) as Parameters<
    typeof unmarshall
  >[0]
}
