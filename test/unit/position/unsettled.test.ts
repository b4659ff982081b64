import { describe, expect, test } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { parseToken } from '../../../src/position/parse-token.ts'
import { MAX_UNSETTLED_ENTRIES } from '../../../src/position/unsettled.ts'
import { STREAM_ARN } from './arbitrary-token.ts'

const entry = { from: '10', attempts: 1, since: 5 }

/** A token with one shard that is read after record 9. */
function tokenWith(fields: object): object {
  return { version: 1, streamArn: STREAM_ARN, shards: [{ shardId: 'a', at: { after: '9' }, ...fields }] }
}

/** The path of the field for which the token is refused, without the shard; undefined if it is accepted. */
function refusedAt(fields: object): string | undefined {
  try {
    parseToken(tokenWith(fields))
    return undefined
  } catch (error) {
    if (isStreamError(error, 'token.invalid')) return error.details.field.replace('shards[0].', '')
    throw error
  }
}

describe('entries for unsettled records', () => {
  test('a token with all fields of an entry is returned unchanged, without unknown fields', () => {
    const full = {
      ...entry,
      key: 'AAAAAAAAAAAAAAAAAAAA-_',
      running: true,
      done: ['index', '__proto__'],
      error: { name: 'Error', code: 'ETIMEDOUT' },
    }
    const token = tokenWith({ through: '12', unsettled: [full] })
    expect(parseToken(JSON.stringify(token))).toStrictEqual(token)
    const more = tokenWith({
      through: '12',
      unsettled: [{ ...full, note: 1, error: { ...full.error, stack: 'x' } }],
    })
    expect(parseToken(more)).toStrictEqual(token)
  })

  test('an empty list of entries or of tasks is dropped', () => {
    expect(parseToken(tokenWith({ unsettled: [] }))).toStrictEqual(tokenWith({}))
    const token = parseToken(tokenWith({ unsettled: [{ ...entry, done: [] }] }))
    expect(token).toStrictEqual(tokenWith({ unsettled: [entry] }))
  })

  test('an entry may lie after `through`: it only counts attempts', () => {
    expect(refusedAt({ through: '10', unsettled: [{ ...entry, from: '11' }] })).toBeUndefined()
  })

  test.each(['start', { since: 5 }])('entries are accepted in a shard that is read from %j', (at) => {
    expect(refusedAt({ at, through: '12', unsettled: [entry] })).toBeUndefined()
  })

  test.each([
    ['a shard that was read to its end', { at: { end: '9' } }],
    ['a skipped shard', { at: { since: 5 }, state: 'skipped' }],
    ['a shard that waits for its parent', { at: { since: 5 }, state: 'pending' }],
  ])('entries are refused in %s', (_, shard) => {
    expect(refusedAt({ ...shard, unsettled: [entry] })).toBe('unsettled')
    expect(refusedAt({ ...shard, unsettled: [] })).toBe('unsettled')
    expect(refusedAt({ ...shard, through: '12' })).toBe('through')
  })

  test.each([
    ['through', { through: 12 }],
    ['through', { through: '1e3' }],
    ['through', { through: null }],
    ['unsettled', { unsettled: {} }],
    ['unsettled', { unsettled: null }],
    ['unsettled[0]', { unsettled: ['10'] }],
    ['unsettled[1]', { unsettled: [entry, null] }],
    ['unsettled[0].from', { unsettled: [{ ...entry, from: 10 }] }],
    ['unsettled[0].from', { unsettled: [{ attempts: 1, since: 5 }] }],
    ['unsettled[0].from', { unsettled: [{ ...entry, from: '9' }] }],
    ['unsettled[0].from', { unsettled: [{ ...entry, from: '0009' }] }],
    ['unsettled[1].from', { unsettled: [entry, { ...entry, from: '010' }] }],
    [
      'unsettled[1].key',
      {
        unsettled: [
          { ...entry, key: 'k' },
          { ...entry, from: '11', key: 'k' },
        ],
      },
    ],
    ['unsettled[0].key', { unsettled: [{ ...entry, key: '' }] }],
    ['unsettled[0].key', { unsettled: [{ ...entry, key: 'a b' }] }],
    ['unsettled[0].key', { unsettled: [{ ...entry, key: 'a\n' }] }],
    ['unsettled[0].key', { unsettled: [{ ...entry, key: 'k'.repeat(65) }] }],
    ['unsettled[0].key', { unsettled: [{ ...entry, key: 7 }] }],
    ['unsettled[0].attempts', { unsettled: [{ from: '10', since: 5 }] }],
    ['unsettled[0].attempts', { unsettled: [{ ...entry, attempts: -1 }] }],
    ['unsettled[0].attempts', { unsettled: [{ ...entry, attempts: 1.5 }] }],
    ['unsettled[0].attempts', { unsettled: [{ ...entry, attempts: 1e9 + 1 }] }],
    ['unsettled[0].attempts', { unsettled: [{ ...entry, attempts: '1' }] }],
    ['unsettled[0].since', { unsettled: [{ from: '10', attempts: 1 }] }],
    ['unsettled[0].since', { unsettled: [{ ...entry, since: 8.64e15 + 1 }] }],
    ['unsettled[0].running', { unsettled: [{ ...entry, running: false }] }],
    ['unsettled[0].running', { unsettled: [{ ...entry, running: 1 }] }],
    ['unsettled[0].done', { unsettled: [{ ...entry, done: 'index' }] }],
    ['unsettled[0].done', { unsettled: [{ ...entry, done: Array.from({ length: 101 }, (_, n) => `${n}`) }] }],
    ['unsettled[0].done[1]', { unsettled: [{ ...entry, done: ['a', 'a'] }] }],
    ['unsettled[0].done[0]', { unsettled: [{ ...entry, done: [''] }] }],
    ['unsettled[0].done[0]', { unsettled: [{ ...entry, done: ['x'.repeat(101)] }] }],
    ['unsettled[0].done[0]', { unsettled: [{ ...entry, done: ['\ud800'] }] }],
    ['unsettled[0].error', { unsettled: [{ ...entry, error: 'Error' }] }],
    ['unsettled[0].error.name', { unsettled: [{ ...entry, error: {} }] }],
    ['unsettled[0].error.name', { unsettled: [{ ...entry, error: { name: 'x'.repeat(201) } }] }],
    ['unsettled[0].error.code', { unsettled: [{ ...entry, error: { name: 'E', code: 5 } }] }],
    ['unsettled[0].error.code', { unsettled: [{ ...entry, error: { name: 'E', code: '\udc00' } }] }],
  ])('the error names %s if it is invalid (%#)', (field, fields) => {
    expect(refusedAt(fields)).toBe(field)
  })

  test('one record may be named by an entry and also be the first of a key', () => {
    expect(refusedAt({ unsettled: [entry, { ...entry, key: 'k' }] })).toBeUndefined()
  })

  test('a token with a million entries is accepted, and one more is refused, counted over all shards', () => {
    const entries = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ ...entry, from: String(n + 10) }))
    const half = entries(MAX_UNSETTLED_ENTRIES / 2)
    const shards = (second: object[]) => ({
      version: 1,
      streamArn: STREAM_ARN,
      shards: [
        { shardId: 'a', at: 'start', unsettled: half },
        { shardId: 'b', at: 'start', unsettled: second },
      ],
    })
    expect(parseToken(shards(half)).shards[1]?.unsettled).toHaveLength(500_000)
    expect(() => parseToken(shards([...half, { ...entry, from: '1' }]))).toThrow('shards[1].unsettled')
  })

  test('a JSON string with half a million keys is accepted', () => {
    const unsettled = Array.from({ length: 500_000 }, (_, n) => ({
      from: String(100_000_000_000_000_000_000n + BigInt(n)),
      key: String(n).padStart(22, 'A'),
      attempts: 12,
      since: 1_760_000_000_000,
    }))
    const serialized = JSON.stringify(tokenWith({ unsettled }))
    expect(parseToken(serialized).shards[0]?.unsettled).toHaveLength(500_000)
  })
})
