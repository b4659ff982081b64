import { createContext, runInContext } from 'node:vm'
import { expect, test } from 'vitest'
import { describeError } from '../../../src/core/describe-error.ts'

class OrderError extends Error {
  override name = 'OrderError'
}

const revoked = Proxy.revocable({}, {})
revoked.revoke()

const hostileProxy = new Proxy(
  {},
  new Proxy(
    {},
    {
      get: () => () => {
        throw new Error('trap')
      },
    },
  ),
)

test.each<[title: string, thrown: unknown, description: object]>([
  ['an error', new TypeError('x is not a function'), { name: 'TypeError', message: 'x is not a function' }],
  ['an error with a name of its own', new OrderError('late'), { name: 'OrderError', message: 'late' }],
  [
    'an error with a code',
    Object.assign(new Error('a'), { code: 'E1' }),
    { name: 'Error', message: 'a', code: 'E1' },
  ],
  [
    'an error with a numeric code',
    Object.assign(new Error('a'), { code: 14 }),
    { name: 'Error', message: 'a', code: '14' },
  ],
  [
    'an error with a code that is an object',
    Object.assign(new Error('a'), { code: {} }),
    { name: 'Error', message: 'a' },
  ],
  ['a frozen error', Object.freeze(new RangeError('a')), { name: 'RangeError', message: 'a' }],
  [
    'an error of another realm',
    runInContext('new SyntaxError("a")', createContext()),
    { name: 'SyntaxError', message: 'a' },
  ],
  ['an error without a message', new Error(), { name: 'Error', message: '' }],
  [
    'an error whose name is empty',
    Object.assign(new Error('a'), { name: '' }),
    { name: 'Error', message: 'a' },
  ],
  [
    'an error whose name is a number',
    Object.assign(new Error('a'), { name: 5 }),
    { name: 'Error', message: 'a' },
  ],
  [
    'the name and code of a checkpoint',
    { name: 'TypeError', code: 'E1' },
    { name: 'TypeError', message: '', code: 'E1' },
  ],
  ['an object that resembles an error', { message: 'a' }, { name: 'Error', message: 'a' }],
  ['undefined', undefined, { name: 'NonError', message: 'undefined' }],
  ['null', null, { name: 'NonError', message: 'null' }],
  ['a string', 'out of stock', { name: 'NonError', message: 'out of stock' }],
  ['a number', 404, { name: 'NonError', message: '404' }],
  ['a bigint', 5n, { name: 'NonError', message: '5n' }],
  ['a symbol', Symbol('s'), { name: 'NonError', message: 'Symbol(s)' }],
  ['a function', function send() {}, { name: 'NonError', message: '[Function: send]' }],
  ['an object', { status: 500 }, { name: 'NonError', message: '{ status: 500 }' }],
  [
    'an object without a prototype',
    Object.create(null),
    { name: 'NonError', message: '[Object: null prototype] {}' },
  ],
  ['a revoked proxy', revoked.proxy, { name: 'NonError', message: '<Revoked Proxy>' }],
  [
    'a proxy that throws for every operation',
    hostileProxy,
    { name: 'NonError', message: expect.any(String) },
  ],
  [
    'an object whose properties throw',
    {
      get name() {
        throw new Error('name')
      },
      get message() {
        throw new Error('message')
      },
      get code() {
        throw new Error('code')
      },
    },
    { name: 'NonError', message: expect.stringContaining('Getter') },
  ],
  [
    'an object that cannot be inspected',
    {
      [Symbol.for('nodejs.util.inspect.custom')]() {
        throw new Error('inspect')
      },
    },
    { name: 'NonError', message: 'a value that cannot be inspected' },
  ],
])('%s can be described after it was thrown', (_, thrown, description) => {
  expect(describeError(thrown)).toEqual(description)
})

test('a message has at most 1,024 bytes of UTF-8, and is not cut within a character', () => {
  for (const character of ['a', 'é', '€', '😀', '\ud800']) {
    for (let shift = 0; shift < 4; shift++) {
      const message = `${'x'.repeat(shift)}${character.repeat(2_000)}`
      const described = describeError(new Error(message)).message
      expect(Buffer.byteLength(described)).toBeLessThanOrEqual(1024)
      expect(Buffer.byteLength(described)).toBeGreaterThan(1016)
      expect(described.endsWith('…')).toBe(true)
      expect(message.startsWith(described.slice(0, -1))).toBe(true)
      expect(described.isWellFormed()).toBe(message.isWellFormed())
    }
  }
})

test('a message of exactly 1,024 bytes is not changed', () => {
  const message = 'é'.repeat(512)
  expect(describeError(new Error(message)).message).toBe(message)
  expect(describeError(new Error(`${message}x`)).message).toMatch(/…$/)
})

test('the description of a large object that was thrown has at most 1,024 bytes', () => {
  const thrown = { list: Array.from({ length: 1_000 }, () => 'x'.repeat(5_000)) }
  expect(Buffer.byteLength(describeError(thrown).message)).toBeLessThanOrEqual(1024)
})

test('a long name and a long code are shortened to 128 bytes', () => {
  const { name, code = '' } = describeError({ name: 'N'.repeat(500), code: 'C'.repeat(500) })
  expect([Buffer.byteLength(name), Buffer.byteLength(code)]).toEqual([128, 128])
})
