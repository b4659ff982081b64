import { describe, expect, it } from 'vitest'
import type { ShardToken } from '../../../src/position/token.ts'
import { planShard } from '../../../src/shards/parents-first.ts'
import { CLOCK_SKEW_MS, RETENTION_MS } from '../../../src/shards/retention.ts'
import { seekLatest, seekTime, seekToken, seekTrimHorizon } from '../../../src/shards/seek.ts'
import { OLDEST_RETAINED, type ShardNode } from '../../../src/shards/shard.ts'
import { ShardForest } from '../../../src/shards/shard-forest.ts'
import { drawForest, idOf, NOW } from '../../support/forest.ts'

const HOUR_MS = 3_600_000

const nodeOf = (forest: ShardForest, name: string): ShardNode => forest.get(idOf(name)) as ShardNode

/** The letters of the unread shards. */
const unreadOf = (forest: ShardForest): string[] =>
  [...forest.nodes()].filter(({ state }) => state === 'unread').map(({ shardId }) => shardId.slice(-1))

describe('seekTrimHorizon', () => {
  it('trim_horizon requires every record of a young root, and the retained ones of a root that may have lost some', () => {
    const { forest } = drawForest('a > b')
    expect(seekTrimHorizon(forest, NOW + RETENTION_MS - CLOCK_SKEW_MS - 1)).toBe('start')
    expect(nodeOf(forest, 'a')).toMatchObject({ start: 'start', mustBeComplete: true })
    seekTrimHorizon(forest, NOW + RETENTION_MS - CLOCK_SKEW_MS)
    expect(nodeOf(forest, 'a')).toMatchObject({ start: OLDEST_RETAINED, mustBeComplete: false })
    expect(nodeOf(forest, 'b')).toMatchObject({ start: 'start', mustBeComplete: true })
  })

  it('trim_horizon does not require every record of a root whose age is unknown', () => {
    const forest = new ShardForest()
    const node = forest.ensure('shard-without-a-time', undefined)
    seekTrimHorizon(forest, NOW)
    expect(node).toMatchObject({ start: 'start', mustBeComplete: false })
  })
})

describe('seekLatest', () => {
  it('latest starts in the open shards, and finishes those that have ended', () => {
    const { forest } = drawForest('a > b c, c > d')
    expect(seekLatest(forest, NOW)).toEqual({ since: NOW })
    expect(unreadOf(forest)).toEqual(['b', 'd'])
    expect(nodeOf(forest, 'b')).toMatchObject({ start: { since: NOW }, isStarted: true })
  })
})

describe('seekTime', () => {
  it('a position in time keeps a closed shard whose children are not listed yet', () => {
    const { forest } = drawForest('a > b', { spacingMs: HOUR_MS })
    nodeOf(forest, 'b').closed = true
    seekTime(forest, NOW + 5 * HOUR_MS, NOW + 5 * HOUR_MS)
    expect(unreadOf(forest)).toEqual(['b'])
  })

  it('a position in time skips the ancestors of a skipped shard, whatever the time in the id of their child is', () => {
    const forest = new ShardForest()
    const [a, b, c] = [0, 9 * HOUR_MS, HOUR_MS].map(
      (ms, index) => `shardId-${String(NOW + ms).padStart(20, '0')}-0000000${index}`,
    ) as [string, string, string]
    const described = (shardId: string, parentShardId: string | undefined, isClosed: boolean) => ({
      shardId,
      parentShardId,
      startingSequenceNumber: '1',
      endingSequenceNumber: isClosed ? '9' : undefined,
    })
    forest.merge([described(a, undefined, true), described(b, a, true), described(c, b, false)])
    seekTime(forest, NOW + 5 * HOUR_MS, NOW + 10 * HOUR_MS)
    expect([...forest.nodes()].map(({ state }) => state)).toEqual(['finished', 'finished', 'unread'])
  })

  it('a position in time requires every record of a young shard only', () => {
    const { forest } = drawForest('a > b', { spacingMs: HOUR_MS })
    seekTime(forest, NOW, NOW + RETENTION_MS + 1)
    expect(nodeOf(forest, 'a').mustBeComplete).toBe(false)
    expect(nodeOf(forest, 'b').mustBeComplete).toBe(true)
  })
})

describe('seekToken', () => {
  const forestAt = (picture: string, shards: Record<string, Omit<ShardToken, 'shardId'>>): ShardForest => {
    const { forest } = drawForest(picture)
    const entries = Object.entries(shards).map(([name, rest]) => ({ shardId: idOf(name), ...rest }))
    seekToken(forest, { version: 1, streamArn: 'arn', shards: entries })
    return forest
  }

  it('a shard of a token waits for an ancestor of the same token, although the token does not name the shard between them', () => {
    const forest = forestAt('a > b > c', {
      a: { at: { after: '1' } },
      c: { parentId: idOf('b'), at: 'start' },
    })
    expect(unreadOf(forest)).toEqual(['a', 'c'])
    expect(planShard(nodeOf(forest, 'c'), forest)).toBe('wait')
    nodeOf(forest, 'a').state = 'finished'
    expect(planShard(nodeOf(forest, 'c'), forest)).toBe('open')
  })

  it('a pending shard of a token does not count as started, so its ancestors are read', () => {
    const forest = forestAt('a > b', { b: { at: { since: NOW }, state: 'pending' } })
    expect(unreadOf(forest)).toEqual(['a', 'b'])
    expect(nodeOf(forest, 'b').isStarted).toBe(false)
  })

  it('a skipped shard of a token is not read, and its children start at its time', () => {
    const forest = forestAt('a > b', { a: { at: { since: NOW }, state: 'skipped' } })
    expect(unreadOf(forest)).toEqual(['b'])
    expect(nodeOf(forest, 'a')).toMatchObject({ closed: true, childStart: { since: NOW } })
  })

  it('a finished shard of a token keeps its last sequence number', () => {
    const forest = forestAt('a', { a: { at: { end: '9' } } })
    expect(nodeOf(forest, 'a').position).toEqual({ end: '9' })
    expect(nodeOf(forest, 'a').childStart).toBe('start')
  })

  it('a sibling that is listed late starts at the same time as the shard that the token names', () => {
    const forest = forestAt('a > b c', { b: { parentId: idOf('a'), at: { since: NOW } } })
    expect(unreadOf(forest)).toEqual(['b', 'c'])
    expect(nodeOf(forest, 'a').childStart).toEqual({ since: NOW })
  })

  it('a token creates the shards that no listing shows', () => {
    const forest = forestAt('a', { b: { parentId: idOf('d'), at: 'start' } })
    expect(nodeOf(forest, 'b')).toMatchObject({ parentId: idOf('d'), seenInListing: 0 })
    expect(forest.missingParents).toBe(1)
  })
})
