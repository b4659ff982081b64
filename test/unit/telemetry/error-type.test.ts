import { describe, expect, it } from 'vitest'
import { ErrorTypes, errorTypeOf } from '../../../src/telemetry/error-type.ts'

class ShippingError extends Error {}

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error('trap')
    },
  },
)

describe('the type of an error', () => {
  it.each([
    [
      'its name',
      Object.assign(new Error('secret'), { name: 'ThrottlingException', code: 'X' }),
      'ThrottlingException',
    ],
    ['the name of a subclass that sets none', new ShippingError('secret'), 'ShippingError'],
    [
      'its code, if the name is only Error',
      Object.assign(new Error('secret'), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED',
    ],
    ['Error, if nothing is more specific', new Error('secret'), 'Error'],
    [
      'the name of a built-in error, even with a code',
      Object.assign(new TypeError('x'), { code: 'ERR_X' }),
      'TypeError',
    ],
    ['the name of an object that is not an Error', { name: 'Refused' }, 'Refused'],
  ])('is %s', (_, error, type) => {
    expect(errorTypeOf(error)).toBe(type)
  })

  it.each([
    ['a name with spaces', Object.assign(new Error(''), { name: 'Order 4711 failed' }), 'Error'],
    ['a name that is too long', Object.assign(new Error(''), { name: 'x'.repeat(65) }), 'Error'],
    ['a code that is a number in a string', Object.assign(new Error(''), { code: '4711' }), 'Error'],
    ['a code that is a number', Object.assign(new Error(''), { code: 4711 }), 'Error'],
  ])('is not taken from %s, which may be a value of an item', (_, error, type) => {
    // The class of the error is still known.
    expect([type, '_OTHER']).toContain(errorTypeOf(error))
    expect(errorTypeOf(error)).not.toMatch(/4711|x{65}/)
  })

  it('is _OTHER for what is not an error, and for a proxy that cannot be read', () => {
    for (const value of ['4711', undefined, null, 42, {}, Object.create(null), hostile]) {
      expect(errorTypeOf(value)).toBe('_OTHER')
    }
  })

  it('never becomes more than a fixed number of time series', () => {
    const types = new ErrorTypes(2)
    const limited = ['A', 'B', 'C', 'A', 'B', 'D'].map((type) => types.limit(type))
    expect(limited).toEqual(['A', 'B', '_OTHER', 'A', 'B', '_OTHER'])
  })
})
