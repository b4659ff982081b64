import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isLargeToken } from '../../../src/checkpoints/token-size.ts'

const SHARD_ID = 'shardId-00000001571234567890-abcdef12'

/** Creates a token with `shards` shards, the first of which has `unsettled` entries. */
function tokenWith(shards: number, unsettled: readonly object[] = []) {
  const entries = Array.from({ length: shards }, (_, index) => ({
    shardId: SHARD_ID,
    parentId: SHARD_ID,
    at: { after: '421000000000012345678901234' },
    ...(index === 0 ? { unsettled } : {}),
  }))
  return { version: 1, streamArn: 'arn:aws:dynamodb:…', shards: entries }
}

const entry = (done: readonly string[]) => ({
  from: '421000000000012345678901234',
  key: 'AAAAAAAAAAAAAAAAAAAAAA',
  attempts: 1,
  since: 1_767_225_600_000,
  done,
})

it('a token is large exactly if its JSON is longer than 8,192 characters', () => {
  const arbitrary = fc.tuple(
    fc.integer({ min: 1, max: 80 }),
    fc.array(fc.array(fc.string({ maxLength: 100 }), { maxLength: 5 }), { maxLength: 60 }),
  )
  fc.assert(
    fc.property(arbitrary, ([shards, done]) => {
      const token = tokenWith(shards, done.map(entry))
      expect(isLargeToken(token)).toBe(JSON.stringify(token).length > 8_192)
    }),
  )
})

it('a token that ends exactly at 8,192 characters is not large', () => {
  const room = 8_192 - JSON.stringify(tokenWith(1, [entry([''])])).length
  expect(isLargeToken(tokenWith(1, [entry(['x'.repeat(room)])]))).toBe(false)
  expect(isLargeToken(tokenWith(1, [entry(['x'.repeat(room + 1)])]))).toBe(true)
})

it('a token with very many entries is not serialized to determine its size', () => {
  const toJSON = () => {
    throw new Error('serialized')
  }
  const shards = Array.from({ length: 1_000 }, () => ({ shardId: SHARD_ID, toJSON }))
  expect(isLargeToken({ shards })).toBe(true)
  const unsettled = Array.from({ length: 1_000 }, () => ({ toJSON }))
  expect(isLargeToken({ shards: [{ shardId: SHARD_ID, unsettled }] })).toBe(true)
})

it('the shortest possible entries are not mistaken for a large token', () => {
  const shards = Array.from({ length: 280 }, () => ({ shardId: '1', at: 'start' }))
  expect(isLargeToken({ shards })).toBe(JSON.stringify({ shards }).length > 8_192)
})
