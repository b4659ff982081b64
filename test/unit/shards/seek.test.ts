import { describe, expect, it } from 'vitest'
import type { ShardToken } from '../../../src/position/token.ts'
import { planShard } from '../../../src/shards/parents-first.ts'
import { CLOCK_SKEW_MS, RETENTION_MS } from '../../../src/shards/retention.ts'
import { seekLatest, seekTime, seekToken, seekTrimHorizon } from '../../../src/shards/seek.ts'
import { OLDEST_RETAINED, type ShardNode } from '../../../src/shards/shard.ts'
import { ShardForest } from '../../../src/shards/shard-forest.ts'
import { forest, idOf, NOW } from '../../support/forest.ts'

const HOUR_MS = 3_600_000

const nodeOf = (lineage: ShardForest, name: string): ShardNode => lineage.get(idOf(name)) as ShardNode

/** The letters of the unread shards. */
const unreadOf = (lineage: ShardForest): string[] =>
  [...lineage.nodes()].filter(({ state }) => state === 'unread').map(({ shardId }) => shardId.slice(-1))

describe('seekTrimHorizon', () => {
  it('trim_horizon requires every record of a young root, and the retained ones of a root that may have lost some', () => {
    const { lineage } = forest('a > b')
    expect(seekTrimHorizon(lineage, NOW + RETENTION_MS - CLOCK_SKEW_MS - 1)).toBe('start')
    expect(nodeOf(lineage, 'a')).toMatchObject({ start: 'start', mustBeComplete: true })
    seekTrimHorizon(lineage, NOW + RETENTION_MS - CLOCK_SKEW_MS)
    expect(nodeOf(lineage, 'a')).toMatchObject({ start: OLDEST_RETAINED, mustBeComplete: false })
    expect(nodeOf(lineage, 'b')).toMatchObject({ start: 'start', mustBeComplete: true })
  })

  it('trim_horizon does not require every record of a root whose age is unknown', () => {
    const lineage = new ShardForest()
    const node = lineage.ensure('shard-without-a-time', undefined)
    seekTrimHorizon(lineage, NOW)
    expect(node).toMatchObject({ start: 'start', mustBeComplete: false })
  })
})

describe('seekLatest', () => {
  it('latest starts in the open shards, and finishes those that have ended', () => {
    const { lineage } = forest('a > b c, c > d')
    expect(seekLatest(lineage, NOW)).toEqual({ since: NOW })
    expect(unreadOf(lineage)).toEqual(['b', 'd'])
    expect(nodeOf(lineage, 'b')).toMatchObject({ start: { since: NOW }, isStarted: true })
  })
})

describe('seekTime', () => {
  it('a position in time keeps a closed shard whose children are not listed yet', () => {
    const { lineage } = forest('a > b', { spacingMs: HOUR_MS })
    nodeOf(lineage, 'b').closed = true
    seekTime(lineage, NOW + 5 * HOUR_MS, NOW + 5 * HOUR_MS)
    expect(unreadOf(lineage)).toEqual(['b'])
  })

  it('a position in time skips the ancestors of a skipped shard, whatever the time in the id of their child is', () => {
    const lineage = new ShardForest()
    const [a, b, c] = [0, 9 * HOUR_MS, HOUR_MS].map(
      (ms, index) => `shardId-${String(NOW + ms).padStart(20, '0')}-0000000${index}`,
    ) as [string, string, string]
    const described = (shardId: string, parentShardId: string | undefined, isClosed: boolean) => ({
      shardId,
      parentShardId,
      startingSequenceNumber: '1',
      endingSequenceNumber: isClosed ? '9' : undefined,
    })
    lineage.merge([described(a, undefined, true), described(b, a, true), described(c, b, false)])
    seekTime(lineage, NOW + 5 * HOUR_MS, NOW + 10 * HOUR_MS)
    expect([...lineage.nodes()].map(({ state }) => state)).toEqual(['finished', 'finished', 'unread'])
  })

  it('a position in time requires every record of a young shard only', () => {
    const { lineage } = forest('a > b', { spacingMs: HOUR_MS })
    seekTime(lineage, NOW, NOW + RETENTION_MS + 1)
    expect(nodeOf(lineage, 'a').mustBeComplete).toBe(false)
    expect(nodeOf(lineage, 'b').mustBeComplete).toBe(true)
  })
})

describe('seekToken', () => {
  const forestAt = (picture: string, shards: Record<string, Omit<ShardToken, 'shardId'>>): ShardForest => {
    const { lineage } = forest(picture)
    const entries = Object.entries(shards).map(([name, rest]) => ({ shardId: idOf(name), ...rest }))
    seekToken(lineage, { version: 1, streamArn: 'arn', shards: entries })
    return lineage
  }

  it('a shard of a token waits for an ancestor of the same token, although the token does not name the shard between them', () => {
    const lineage = forestAt('a > b > c', {
      a: { at: { after: '1' } },
      c: { parentId: idOf('b'), at: 'start' },
    })
    expect(unreadOf(lineage)).toEqual(['a', 'c'])
    expect(planShard(nodeOf(lineage, 'c'), lineage)).toBe('wait')
    nodeOf(lineage, 'a').state = 'finished'
    expect(planShard(nodeOf(lineage, 'c'), lineage)).toBe('open')
  })

  it('a pending shard of a token does not count as started, so its ancestors are read', () => {
    const lineage = forestAt('a > b', { b: { at: { since: NOW }, state: 'pending' } })
    expect(unreadOf(lineage)).toEqual(['a', 'b'])
    expect(nodeOf(lineage, 'b').isStarted).toBe(false)
  })

  it('a skipped shard of a token is not read, and its children start at its time', () => {
    const lineage = forestAt('a > b', { a: { at: { since: NOW }, state: 'skipped' } })
    expect(unreadOf(lineage)).toEqual(['b'])
    expect(nodeOf(lineage, 'a')).toMatchObject({ closed: true, childStart: { since: NOW } })
  })

  it('a finished shard of a token keeps its last sequence number', () => {
    const lineage = forestAt('a', { a: { at: { end: '9' } } })
    expect(nodeOf(lineage, 'a').position).toEqual({ end: '9' })
    expect(nodeOf(lineage, 'a').childStart).toBe('start')
  })

  it('a sibling that is listed late starts at the same time as the shard that the token names', () => {
    const lineage = forestAt('a > b c', { b: { parentId: idOf('a'), at: { since: NOW } } })
    expect(unreadOf(lineage)).toEqual(['b', 'c'])
    expect(nodeOf(lineage, 'a').childStart).toEqual({ since: NOW })
  })

  it('a token creates the shards that no listing shows', () => {
    const lineage = forestAt('a', { b: { parentId: idOf('d'), at: 'start' } })
    expect(nodeOf(lineage, 'b')).toMatchObject({ parentId: idOf('d'), seenInListing: 0 })
    expect(lineage.missingParents).toBe(1)
  })
})
