import { describe, expect, test } from 'vitest'
import type { ShardToken } from '../../../src/position/token.ts'
import { positionCoverage, tokenCoverage } from '../../../src/position/token-coverage.ts'
import { STREAM_ARN } from './arbitrary-token.ts'

const parents = new Map([
  ['parent', undefined],
  ['child', 'parent'],
  ['grandchild', 'child'],
])
const parentOf = (shardId: string) => parents.get(shardId)

function coverageOf(...shards: ShardToken[]) {
  return tokenCoverage({ version: 1, streamArn: STREAM_ARN, shards }, parentOf)
}

const record = (shardId: string, sequenceNumber: string, createdAt?: number) => ({
  shardId,
  sequenceNumber,
  createdAt,
})

describe('tokenCoverage()', () => {
  test('a token covers the records of a shard up to its position', () => {
    const isCovered = coverageOf({ shardId: 'parent', at: { after: '9' } })
    expect(isCovered(record('parent', '9'))).toBe(true)
    expect(isCovered(record('parent', '10'))).toBe(false)
    expect(coverageOf({ shardId: 'parent', at: 'start' })(record('parent', '1'))).toBe(false)
    expect(coverageOf({ shardId: 'parent', at: { end: null } })(record('parent', '1'))).toBe(true)
  })

  test('a token covers the ancestors of its shards, but not their descendants', () => {
    const isCovered = coverageOf({ shardId: 'child', at: 'start' })
    expect(isCovered(record('parent', '1'))).toBe(true)
    expect(isCovered(record('grandchild', '1'))).toBe(false)
  })

  test('a token covers an ancestor that only the token names', () => {
    const isCovered = coverageOf({ shardId: 'orphan', parentId: 'child', at: 'start' })
    expect(isCovered(record('child', '1'))).toBe(true)
    expect(isCovered(record('parent', '1'))).toBe(true)
  })

  test('an ancestor with a position of its own is covered up to that position only', () => {
    const isCovered = coverageOf({ shardId: 'parent', at: { after: '9' } }, { shardId: 'child', at: 'start' })
    expect(isCovered(record('parent', '10'))).toBe(false)
  })

  test('descendants inherit the requested time of a shard, by the whole second', () => {
    const isCovered = coverageOf({ shardId: 'parent', at: { since: 2_500 } })
    expect(isCovered(record('grandchild', '1', 1_999))).toBe(true)
    expect(isCovered(record('grandchild', '1', 2_000))).toBe(false)
  })

  test('a record without a time is never covered by a requested time', () => {
    expect(coverageOf({ shardId: 'parent', at: { since: 2_500 } })(record('parent', '1'))).toBe(false)
  })
})

describe('a token with unsettled records', () => {
  const shard: ShardToken = {
    shardId: 'parent',
    at: { after: '5' },
    through: '100',
    unsettled: [
      { from: '007', attempts: 1, since: 1 },
      { from: '20', key: 'a', attempts: 0, since: 1 },
      { from: '200', key: 'b', attempts: 2, since: 1 },
    ],
  }
  const isCovered = coverageOf(shard)

  test('a token covers the records up to `through`, except for those that an entry covers', () => {
    expect(isCovered({ ...record('parent', '6'), keyHash: 'a' })).toBe(true)
    expect(isCovered({ ...record('parent', '7'), keyHash: 'c' })).toBe(false)
    expect(isCovered({ ...record('parent', '9'), keyHash: 'a' })).toBe(true)
    expect(isCovered({ ...record('parent', '20'), keyHash: 'a' })).toBe(false)
    expect(isCovered({ ...record('parent', '100'), keyHash: 'a' })).toBe(false)
    expect(isCovered({ ...record('parent', '100'), keyHash: 'b' })).toBe(true)
    expect(isCovered({ ...record('parent', '101'), keyHash: 'b' })).toBe(false)
    expect(isCovered({ ...record('parent', '201'), keyHash: 'b' })).toBe(false)
    expect(isCovered(record('child', '1'))).toBe(false)
  })

  test('a record whose key is not known is covered only if no entry of a key may apply', () => {
    expect(isCovered(record('parent', '19'))).toBe(true)
    expect(isCovered(record('parent', '20'))).toBe(false)
  })

  test('entries without `through` cover no record, and leave none out', () => {
    const { through: _, ...attempts } = shard
    expect(coverageOf(attempts)(record('parent', '5'))).toBe(true)
    expect(coverageOf(attempts)(record('parent', '6'))).toBe(false)
  })
})

describe('positionCoverage()', () => {
  test('trim_horizon covers no record, and a Date covers those before its second', () => {
    expect(positionCoverage({ kind: 'trim_horizon' }, parentOf)(record('parent', '1', 1))).toBe(false)
    const isCovered = positionCoverage({ kind: 'time', since: 2_500 }, parentOf)
    expect([1_999, 2_000].map((createdAt) => isCovered(record('parent', '1', createdAt)))).toEqual([
      true,
      false,
    ])
  })
})
