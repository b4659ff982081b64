import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { parseToken } from '../../../src/position/parse-token.ts'
import { STREAM_ARN } from './arbitrary-token.ts'

interface BloopShard {
  shard_id: string
  parent?: string
  iterator_type?: string
  sequence_number?: string | null
}

const bloop = (active: string[], shards: BloopShard[]) => ({ stream_arn: STREAM_ARN, active, shards })
const positionOf = (shard: Omit<BloopShard, 'shard_id'>) =>
  parseToken(bloop(['a'], [{ shard_id: 'a', ...shard }])).shards[0]?.at

test('a bloop token is converted to version 1, both as an object and as a JSON string', () => {
  const token = bloop(['a'], [{ shard_id: 'a', iterator_type: 'after_sequence', sequence_number: '42' }])
  const converted = { version: 1, streamArn: STREAM_ARN, shards: [{ shardId: 'a', at: { after: '42' } }] }
  expect(parseToken(token)).toStrictEqual(converted)
  expect(parseToken(JSON.stringify(token))).toStrictEqual(converted)
})

describe('the position of an active shard', () => {
  test('a bloop position after a record is kept, in both spellings of bloop', () => {
    expect(positionOf({ iterator_type: 'after_sequence', sequence_number: '007' })).toEqual({ after: '007' })
    expect(positionOf({ iterator_type: 'after_record', sequence_number: '007' })).toEqual({ after: '007' })
  })

  test('a bloop position at a record becomes the position after the preceding number, padded to the same width', () => {
    expect(positionOf({ iterator_type: 'at_sequence', sequence_number: '1000' })).toEqual({ after: '0999' })
    const long = '300000000000000000000499659'
    expect(positionOf({ iterator_type: 'at_sequence', sequence_number: long })).toEqual({
      after: '300000000000000000000499658',
    })
  })

  test('a bloop position at the lowest possible sequence number becomes the start of the shard', () => {
    expect(positionOf({ iterator_type: 'at_sequence', sequence_number: '001' })).toBe('start')
    expect(positionOf({ iterator_type: 'at_sequence', sequence_number: '000' })).toBe('start')
  })

  test('a bloop shard at the trim horizon, or not opened yet, is read from its start', () => {
    expect(positionOf({ iterator_type: 'trim_horizon', sequence_number: null })).toBe('start')
    expect(positionOf({})).toBe('start')
  })

  test('a bloop shard at the tip is read from its start, so that no record is lost', () => {
    expect(positionOf({ iterator_type: 'latest' })).toBe('start')
  })
})

test('ancestors and descendants of active bloop shards are omitted from the converted token', () => {
  const token = bloop(
    ['b', 'c'],
    [
      { shard_id: 'a', iterator_type: 'after_sequence', sequence_number: '4' },
      { shard_id: 'b', parent: 'a', iterator_type: 'trim_horizon' },
      { shard_id: 'c', parent: 'a', iterator_type: 'after_sequence', sequence_number: '5' },
      { shard_id: 'd', parent: 'c' },
      { shard_id: 'e', parent: 'd' },
    ],
  )
  expect(parseToken(token).shards).toEqual([
    { shardId: 'b', parentId: 'a', at: 'start' },
    { shardId: 'c', parentId: 'a', at: { after: '5' } },
  ])
})

test('a shard that bloop lost track of resumes from its last position', () => {
  const token = bloop(
    ['a'],
    [
      { shard_id: 'a', iterator_type: 'trim_horizon' },
      { shard_id: 'lost', iterator_type: 'after_sequence', sequence_number: '5' },
      { shard_id: 'below', parent: 'lost' },
      { shard_id: 'unread' },
    ],
  )
  expect(parseToken(token).shards).toEqual([
    { shardId: 'a', at: 'start' },
    { shardId: 'lost', at: { after: '5' } },
  ])
})

test('a bloop token with a tree of 50,000 generations is converted in linear time', () => {
  const shards = Array.from({ length: 50_000 }, (_, index) => ({
    shard_id: `s${index}`,
    ...(index > 0 ? { parent: `s${index - 1}` } : {}),
  }))
  const token = bloop(['s25000', 's49999'], shards)
  expect(parseToken(token).shards.map(({ shardId }) => shardId)).toEqual(['s25000', 's49999'])
})

test.each<[title: string, field: string, input: unknown]>([
  [
    'a bloop token with an active shard that is not listed',
    'active[1]',
    bloop(['a', 'b'], [{ shard_id: 'a' }]),
  ],
  ['a bloop token without a list of active shards', 'active', { stream_arn: STREAM_ARN, shards: [] }],
  ['a bloop token without shards', 'shards', { stream_arn: STREAM_ARN, active: [] }],
  ['a bloop token with an invalid ARN', 'stream_arn', { stream_arn: 'orders', active: [], shards: [] }],
  ['a bloop token with a number as its ARN', 'stream_arn', { stream_arn: 5, active: [], shards: [] }],
  [
    'a bloop token with an unknown iterator type',
    'shards[0].iterator_type',
    bloop(['a'], [{ shard_id: 'a', iterator_type: 'at_time' }]),
  ],
  [
    'a bloop token with an iterator type that lacks its sequence number',
    'shards[0].sequence_number',
    bloop(['a'], [{ shard_id: 'a', iterator_type: 'at_sequence' }]),
  ],
  [
    'a bloop token that lists a shard twice',
    'shards[1].shard_id',
    bloop(['a'], [{ shard_id: 'a' }, { shard_id: 'a' }]),
  ],
  [
    'a bloop token with a shard that is its own parent',
    'shards[0].parent',
    bloop(['a'], [{ shard_id: 'a', parent: 'a' }]),
  ],
])('%s is refused, and the error has the path of the field', (_, field, input) => {
  expect(() => parseToken(input)).toThrow(
    expect.objectContaining({ code: 'token.invalid', details: expect.objectContaining({ field }) }),
  )
})

test('a hostile bloop token is either parsed or refused with token.invalid', () => {
  const id = fc.oneof(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.anything())
  const type = fc.oneof(
    fc.constantFrom('at_sequence', 'after_sequence', 'latest', 'trim_horizon'),
    fc.anything(),
  )
  const shard = fc.record(
    {
      shard_id: id,
      parent: id,
      iterator_type: type,
      sequence_number: fc.oneof(fc.constantFrom('0', '17'), fc.anything()),
    },
    { requiredKeys: [] },
  )
  const token = fc.record({
    stream_arn: fc.constant(STREAM_ARN),
    active: fc.oneof(fc.array(id), fc.anything()),
    shards: fc.oneof({ weight: 5, arbitrary: fc.array(shard) }, { weight: 1, arbitrary: fc.anything() }),
  })
  fc.assert(
    fc.property(token, (input) => {
      try {
        const parsed = parseToken(input)
        expect(parseToken(parsed)).toStrictEqual(parsed)
      } catch (error) {
        if (!isStreamError(error, 'token.invalid')) throw error
        expect(error.details.field).toMatch(/^(active|shards)/)
      }
    }),
  )
})
