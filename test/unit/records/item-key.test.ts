import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { decodeRecord } from '../../../src/wire/decode-record.ts'
import { parsePage } from '../../../src/wire/parse-page.ts'
import type { WireRecord } from '../../../src/wire/wire-record.ts'
import { type Choose, choices, writeJson } from '../wire/json-styles.ts'
import { wireRecord } from '../wire/wire-arbitraries.ts'

const context = { shardId: 'shardId-1' }

const itemKeyOf = (wire: WireRecord): string => new StreamRecord(wire, context, 0).itemKey

function lazyRecord(json: string): WireRecord {
  const record = parsePage(Buffer.from(`{"Records":[${json}]}`))?.lazyRecords?.at(0)
  if (!record) throw new Error(`The record was not parsed lazily: ${json}`)
  return record
}

/** The key of an item in the three forms in which a record can be received. */
function itemKeysOf(json: string): readonly [lazy: string, parsed: string, sdk: string] {
  const parsed = JSON.parse(json)
  return [itemKeyOf(lazyRecord(json)), itemKeyOf(parsed), itemKeyOf(decodeRecord(parsed))]
}

const withKeys = (keysJson: string) => `{"dynamodb":{"Keys":${keysJson},"SequenceNumber":"7"}}`
const lazyKeyOf = (keysJson: string) => itemKeyOf(lazyRecord(withKeys(keysJson)))

/** The number `digits` * 10^`exponent`. */
type Decimal = { readonly digits: bigint; readonly exponent: number }
type Value = { readonly S: string } | { readonly N: Decimal } | { readonly B: Uint8Array }
type Item = readonly (readonly [name: string, value: Value])[]

const hostile = [
  ['', '0', '1', '-1', 'a', 'A', 'b', 'é', 'e\u0301', '😀', '\u0000', '\u2028', '\n', '"', '\\', "'", '|'],
  ['","b":{"S":"', '":{"S":"', '"}', '\\"', '\\u0041', 'S', 'N', '__proto__', 'constructor', 'toString'],
].flat()
const string = fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: 'binary', maxLength: 3 }))
const decimal: fc.Arbitrary<Decimal> = fc.record({
  digits: fc.oneof(
    fc.bigInt({ min: -12n, max: 12n }),
    fc.constantFrom(10n ** 37n, 10n ** 38n - 1n, -(10n ** 38n) + 1n),
  ),
  exponent: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -130, max: 125 })),
})
const value: fc.Arbitrary<Value> = fc.oneof(
  string.map((S) => ({ S })),
  decimal.map((N) => ({ N })),
  fc.uint8Array({ maxLength: 3 }).map((B) => ({ B })),
)
const item: fc.Arbitrary<Item> = fc.uniqueArray(fc.tuple(string, value), {
  selector: ([name]) => name,
  minLength: 1,
  maxLength: 2,
})

/** Two items that are often equal or nearly equal. */
const items = fc.oneof(
  fc.tuple(item, item),
  item.map((one) => [one, [...one].reverse()] as const),
  fc
    .tuple(item, value)
    .map(([one, last]) => [one, [...one.slice(0, -1), [one[0]?.[0] ?? '', last]]] as const),
  fc.tuple(string, string, string, string).map(([a, b, c, d]) => {
    const pair = (one: string, other: string): Item => [
      ['pk', { S: one }],
      ['sk', { S: other }],
    ]
    return [pair(a + b, c), pair(a, b + (d === c ? d : c))] as const
  }),
)

function isSameValue(one: Value, other: Value): boolean {
  if ('S' in one) return 'S' in other && one.S === other.S
  if ('B' in one) return 'B' in other && Buffer.compare(one.B, other.B) === 0
  return 'N' in one && 'N' in other && scaled(one.N) === scaled(other.N)
}

/** All exponents of {@link decimal} are larger than -200. */
const scaled = ({ digits, exponent }: Decimal) => digits * 10n ** BigInt(200 + exponent)

function isSameItem(one: Item, other: Item): boolean {
  const others = new Map(other)
  const isMember = ([name, member]: Item[number]) => {
    const found = others.get(name)
    return found !== undefined && isSameValue(member, found)
  }
  return one.length === others.size && one.every(isMember)
}

/** Writes a number in one of the notations that a DynamoDB-compatible service might return. */
function writeDecimal({ digits, exponent }: Decimal, choose: Choose): string {
  const sign = digits < 0n ? '-' : ['', '', '+'][choose(3)]
  const zero = digits === 0n && choose(2) === 0 ? '-' : sign
  const all = `${digits < 0n ? -digits : digits}`
  const e = ['e', 'E', 'e+', 'E+'][choose(4)] as string
  const power = (n: number) => (n < 0 ? `e${n}` : `${e}${n}`)
  const plain =
    exponent >= 0
      ? all + '0'.repeat(exponent)
      : `${all.padStart(1 - exponent, '0').slice(0, exponent)}.${all.padStart(1 - exponent, '0').slice(exponent)}`
  const notations = [
    plain,
    plain.includes('.') ? `00${plain}00` : `00${plain}.00`,
    `${all}${power(exponent)}`,
    `${all}000${power(exponent - 3)}`,
    `.${all}${power(exponent + all.length)}`,
    `${all}.0${power(exponent)}`,
  ]
  return `${zero}${notations[choose(notations.length)]}`
}

function writeItem(parts: Item, choose: Choose): string {
  const attributes = parts.map(([name, part]): [string, unknown] => {
    if ('N' in part) return [name, { N: writeDecimal(part.N, choose) }]
    return [name, 'B' in part ? { B: Buffer.from(part.B).toString('base64') } : part]
  })
  const shuffled = choose(2) === 0 ? attributes : attributes.reverse()
  // Written by hand, because an object cannot have all of these names in every order.
  const isUsual = choose(2) === 0
  const write = (part: unknown) => (isUsual ? JSON.stringify(part) : writeJson(part, choose))
  return `{${shuffled.map(([name, part]) => `${write(name)}:${write(part)}`).join()}}`
}

test('two records have the same item key if and only if their items have the same primary key', () => {
  let same = 0
  let different = 0
  fc.assert(
    fc.property(items, choices, ([one, other], choose) => {
      const keys = itemKeysOf(withKeys(writeItem(one, choose)))
      const otherKeys = itemKeysOf(withKeys(writeItem(other, choose)))
      expect(new Set(keys).size).toBe(1)
      expect(new Set(otherKeys).size).toBe(1)
      expect(keys[0] === otherKeys[0]).toBe(isSameItem(one, other))
      if (keys[0] === otherKeys[0]) same++
      else different++
    }),
    { numRuns: 2_000 },
  )
  // Otherwise the property would hold for a constant, or for a key that is always unique.
  expect(same).toBeGreaterThan(200)
  expect(different).toBeGreaterThan(200)
})

test('the item key of a record that is parsed lazily is that of the parsed record, whatever it contains', () => {
  fc.assert(
    fc.property(wireRecord, choices, (wire, choose) => {
      const json = writeJson(wire, choose)
      const page = parsePage(Buffer.from(`{"Records":[${json},{}]}`))
      // Some records, such as those with a time that is a string, are never parsed lazily.
      const lazy = page?.lazyRecords?.at(0)
      if (lazy) expect(itemKeyOf(lazy)).toBe(itemKeyOf(JSON.parse(json)))
      expect(itemKeyOf(decodeRecord(JSON.parse(json)))).toEqual(expect.any(String))
    }),
    { numRuns: 500 },
  )
})

describe('numbers', () => {
  test.each([
    ['1', '1.0', '1e0', '+1', '01', '10e-1', '0.1E+1', '1.', '000.10e1'],
    ['0', '-0', '0.0', '0e5', '-0.00E-9', '.0'],
    ['-120', '-1.2e2', '-120.000', '-0.12E3'],
    ['99999999999999999999999999999999999999', '9.9999999999999999999999999999999999999e37'],
    ['1e125', `1${'0'.repeat(125)}`, '0.1e126'],
    ['1e-130', `0.${'0'.repeat(129)}1`],
    [`${10n ** 39n}`, '1e39'],
    [`${10n ** 40n}`, '1e40'],
  ])('%s is the same key in every notation', (...notations) => {
    expect(new Set(notations.map((number) => lazyKeyOf(`{"id":{"N":"${number}"}}`))).size).toBe(1)
  })

  test('numbers that differ only in the 38th digit are different keys', () => {
    const keyOf = (number: string) => lazyKeyOf(`{"id":{"N":"${number}"}}`)
    expect(keyOf('12345678901234567890123456789012345678')).not.toBe(
      keyOf('12345678901234567890123456789012345679'),
    )
    expect(keyOf('9007199254740993')).not.toBe(keyOf('9007199254740992'))
    expect(keyOf('1e125')).not.toBe(keyOf('1e124'))
  })

  test('a number that no service returns is a key, and costs no memory', () => {
    const numbers = [
      '1e999999999',
      '1e-999999999',
      '1e99999999999999999999',
      '',
      '.',
      'e1',
      'NaN',
      '1 ',
      '--1',
    ]
    const keys = numbers.map((number) => lazyKeyOf(`{"id":{"N":"${number}"}}`))
    expect(new Set(keys).size).toBe(numbers.length)
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(50)
  })
})

test('equal content in different types is a different key', () => {
  const values = ['{"S":"1"}', '{"N":"1"}', '{"B":"1w=="}', '{"S":"1w=="}', '{"NULL":true}', '{"X":"1"}']
  expect(new Set(values.map((attribute) => lazyKeyOf(`{"id":${attribute}}`))).size).toBe(values.length)
})

test('equal binary values are the same key, whatever their base64 looks like', () => {
  const keyOf = (base64: string) => lazyKeyOf(`{"id":{"B":"${base64}"}}`)
  expect(keyOf('+/+A')).toBe(keyOf('-_-A'))
  expect(keyOf('QQ==')).toBe(keyOf('QQ'))
  expect(keyOf('QQ==')).not.toBe(keyOf('Qg=='))
  const bytes = new Uint8Array([0, 1, 2, 3]).subarray(1, 3)
  expect(itemKeyOf({ dynamodb: { Keys: { id: { B: bytes } } } })).toBe(keyOf('AQI='))
})

test('a value cannot imitate a second attribute', () => {
  const two = lazyKeyOf('{"a":{"S":"x"},"b":{"S":"y"}}')
  const one = lazyKeyOf(JSON.stringify({ a: { S: 'x"},"b":{"S":"y' } }))
  expect(one).not.toBe(two)
})

test('if an attribute occurs twice, the last one counts, as in JSON.parse', () => {
  expect(lazyKeyOf('{"a":{"S":"x"},"a":{"S":"y"}}')).toBe(lazyKeyOf('{"a":{"S":"y"}}'))
  const twice = '{"dynamodb":{"Keys":{"a":{"S":"x"}},"Keys":{"a":{"S":"y"}}}}'
  expect(itemKeyOf(lazyRecord(twice))).toBe(lazyKeyOf('{"a":{"S":"y"}}'))
})

test('an attribute named __proto__ is part of the key', () => {
  expect(lazyKeyOf('{"__proto__":{"S":"x"},"b":{"B":""}}')).not.toBe(lazyKeyOf('{"b":{"B":""}}'))
})

test.each([
  [
    'before the keys',
    '{"eventName":"é😀","dynamodb":{"NewImage":{"a":{"S":"é😀"}},"Keys":{"id":{"S":"k"}}}}',
  ],
  ['after the keys', '{"dynamodb":{"Keys":{"id":{"S":"k"}},"NewImage":{"a":{"S":"é😀"}}}}'],
])('characters of several bytes %s do not change the item key', (_, json) => {
  expect(itemKeyOf(lazyRecord(json))).toBe(lazyKeyOf('{"id":{"S":"k"}}'))
})

test('the item key of the second record of a page does not depend on the first one', () => {
  const body = `{"Records":[${withKeys('{"id":{"S":"é"}}')},${withKeys('{"id":{"S":"b"}}')},{"dynamodb":{}}]}`
  const records = parsePage(Buffer.from(body))?.lazyRecords
  const keys = [0, 1, 2].map((index) => itemKeyOf(records?.at(index) ?? {}))
  expect(keys.slice(0, 2)).toEqual([lazyKeyOf('{"id":{"S":"é"}}'), lazyKeyOf('{"id":{"S":"b"}}')])
  expect(keys[2]).not.toMatch(/^\{/)
})

test('the item key is made without parsing the rest of the record', () => {
  const broken = '{"dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":nonsense}}},"eventName":nul}'
  const record = new StreamRecord(lazyRecord(broken), context, 0)
  expect(record.itemKey).toBe(lazyKeyOf('{"id":{"S":"a"}}'))
  expect(() => record.eventName).toThrow(SyntaxError)
})

describe('a record without keys', () => {
  const keyless = ['{}', '{"dynamodb":{}}', ...['null', '{}', '"id"', '7', '[]'].map(withKeys)]

  test.each(keyless)('%s blocks only itself', (json) => {
    const keyIn = (shardId: string, sequenceNumber: string) => {
      const wire = JSON.parse(json)
      wire.dynamodb = { ...wire.dynamodb, SequenceNumber: sequenceNumber }
      const lazy = new StreamRecord(lazyRecord(JSON.stringify(wire)), { shardId }, 0).itemKey
      expect(new StreamRecord(wire, { shardId }, 0).itemKey).toBe(lazy)
      return lazy
    }
    const keys = [keyIn('s1', '7'), keyIn('s1', '8'), keyIn('s2', '7'), lazyKeyOf('{"s1":{"S":"7"}}')]
    expect(new Set(keys).size).toBe(keys.length)
    expect(keyIn('s1', '7')).toBe(keys[0])
  })

  test('keys that are not valid JSON count as missing, so that only the handler of the record fails', () => {
    const keyOf = (sequenceNumber: string) =>
      itemKeyOf(
        lazyRecord(`{"dynamodb":{"Keys":{"id":{"S":nonsense}},"SequenceNumber":"${sequenceNumber}"}}`),
      )
    expect(keyOf('1')).not.toBe(keyOf('2'))
  })
})

test('a key does not keep the JSON of its record in memory', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const heapUsed = () => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = heapUsed()
  const keys = Array.from({ length: 100 }, (_, index) => {
    const image = `{"a":{"S":"${'x'.repeat(300_000)}"}}`
    const keysJson = `{"pk":{"S":"partition-${index}"},"sk":{"S":"a sort key"}}`
    return [
      itemKeyOf(lazyRecord(`{"dynamodb":{"Keys":${keysJson},"NewImage":${image}}}`)),
      itemKeyOf(
        lazyRecord(
          `{"dynamodb":{"Keys":{"z":{"S":"sort-${index}"},"a":{"N":"${index}"}},"NewImage":${image}}}`,
        ),
      ),
    ]
  })
  expect(heapUsed() - before).toBeLessThan(10_000_000)
  expect(new Set(keys.flat()).size).toBe(200)
})

test('the hash of a key has 128 bits in 22 characters that are valid in file names and URLs', () => {
  // The first 16 bytes of the SHA-256 of "abc", a published test vector.
  const expected = Buffer.from('ba7816bf8f01cfea414140de5dae2223', 'hex').toString('base64url')
  expect(hashItemKey('abc')).toBe(expected)
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (key) => /^[\w-]{22}$/.test(hashItemKey(key))))
})
