import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { parsePosition } from '../../../src/position/position.ts'
import { STREAM_ARN, validToken } from './arbitrary-token.ts'

const codeOf = (input: unknown): string | undefined => {
  try {
    parsePosition(input)
    return undefined
  } catch (error) {
    if (isStreamError(error)) return error.code
    throw error
  }
}

test('trim_horizon and latest are accepted in lower and in upper case', () => {
  expect(parsePosition('trim_horizon')).toEqual({ kind: 'trim_horizon' })
  expect(parsePosition('TRIM_HORIZON')).toEqual({ kind: 'trim_horizon' })
  expect(parsePosition('latest')).toEqual({ kind: 'latest' })
  expect(parsePosition('LATEST')).toEqual({ kind: 'latest' })
})

describe('a Date as a position', () => {
  test('a Date is converted to a time in ms', () => {
    expect(parsePosition(new Date('2026-01-01T00:00:00.123Z'))).toEqual({
      kind: 'time',
      since: 1_767_225_600_123,
    })
  })

  test('a Date from another realm is accepted', () => {
    expect(parsePosition(runInNewContext('new Date(1000)'))).toEqual({ kind: 'time', since: 1_000 })
  })

  test('a Date before 1970 selects every record', () => {
    expect(parsePosition(new Date(-1))).toEqual({ kind: 'time', since: 0 })
  })

  test('an invalid Date is refused as a position', () => {
    expect(codeOf(new Date('yesterday'))).toBe('position.invalid')
  })
})

test('a token is accepted as an object and as a JSON string', () => {
  fc.assert(
    fc.property(validToken, (token) => {
      expect(parsePosition(token)).toStrictEqual({ kind: 'token', token })
      expect(parsePosition(`\n ${JSON.stringify(token, null, 2)}\n`)).toStrictEqual({ kind: 'token', token })
    }),
  )
})

test('a bloop token is accepted as a position', () => {
  const token = { stream_arn: STREAM_ARN, active: [], shards: [] }
  expect(parsePosition(token)).toEqual({
    kind: 'token',
    token: { version: 1, streamArn: STREAM_ARN, shards: [] },
  })
})

test.each([
  ['{'],
  ['{}'],
  [' {"version":2}'],
  [{ version: 2 }],
  [{ shards: 5 }],
  [{ streamArn: '' }],
  [{ stream_arn: '' }],
])('the position %j is treated as a token, and refused with token.invalid', (input) => {
  expect(codeOf(input)).toBe('token.invalid')
})

test.each([
  ['undefined', undefined],
  ['null', null],
  ['an empty string', ''],
  ['a word in mixed case', 'Latest'],
  ['another word', 'newest'],
  ['a time as a string', '2026-01-01T00:00:00Z'],
  ['a time as a number', 1_767_225_600_000],
  ['an array', []],
  ['an empty object', {}],
  ['an object with other fields', { after: '42' }],
  ['something that only looks like a Date', Object.create(Date.prototype)],
  ['a function', () => 'latest'],
  ['a symbol', Symbol('latest')],
])('%s is refused with position.invalid', (_, input) => {
  expect(codeOf(input)).toBe('position.invalid')
})

test('the error of an invalid position has the value, and lists what a position can be', () => {
  expect(() => parsePosition('newest')).toThrow(
    expect.objectContaining({
      details: { position: 'newest' },
      message: expect.stringMatching(/"newest".*'trim_horizon', 'latest', a Date, or a token/),
    }),
  )
})

test.each([
  ['2026-01-01', `Cannot read from "2026-01-01": pass a time as a Date, as in new Date('2026-01-01').`],
  ['2026-01-01T09:30', /new Date\('2026-01-01T09:30'\)\.$/],
  ['2026-01-01T00:00:00.000Z', /new Date\('2026-01-01T00:00:00.000Z'\)\.$/],
  ['2026-01-01T00:00:00+01:00', /new Date\('2026-01-01T00:00:00\+01:00'\)\.$/],
  [1_767_225_600_000, 'pass a time as a Date, as in new Date(1767225600000)'],
])('a time that is not a Date, such as %j, is refused with a hint to pass a Date', (time, message) => {
  expect(() => parsePosition(time)).toThrow(message)
  expect(codeOf(time)).toBe('position.invalid')
})

test.each(['2026-13-01', '2026-01-01T', '2026-01-01\'); evil("', 1_767_225_600, Number.POSITIVE_INFINITY])(
  'the position %j is not treated as a time',
  (input) => {
    expect(() => parsePosition(input)).toThrow("a position is 'trim_horizon', 'latest', a Date, or a token")
  },
)

test('the error of a missing position says that it is undefined', () => {
  expect(() => parsePosition(undefined)).toThrow('Cannot read from undefined: a position is ')
})

test('any value is either accepted as a position or refused with a StreamError', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withSparseArray: true }), (input) => {
      expect([undefined, 'position.invalid', 'token.invalid']).toContain(codeOf(input))
    }),
  )
})
