import { describe, expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { planShard } from '../../../src/shards/parents-first.ts'
import { RETENTION_MS } from '../../../src/shards/retention.ts'
import { seekTime, seekToken } from '../../../src/shards/seek.ts'
import type { ShardNode } from '../../../src/shards/shard.ts'
import { HIDDEN_PARENT_WAIT_MS, ShardForest } from '../../../src/shards/shard-forest.ts'
import type { ShardDescription } from '../../../src/streams-api/streams-api.ts'
import { drawForest, idOf, NOW } from '../../support/forest.ts'

describe('ShardForest', () => {
  it.each(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])(
    'parents and children are linked when they are listed in the order %s',
    (order) => {
      const { forest } = drawForest('a > b > c', { order: [...order] })
      expect(forest.roots().map(({ shardId }) => shardId)).toEqual([idOf('a')])
      expect(forest.get(idOf('b'))?.children).toEqual([forest.get(idOf('c'))])
      expect(forest.parentOf(forest.get(idOf('b')) as never)).toBe(forest.get(idOf('a')))
      expect(forest.missingParents).toBe(0)
    },
  )

  it('a closed shard stays closed when a late listing shows it as open', () => {
    const { forest, list } = drawForest('a > b')
    list({ open: ['a'] })
    expect(forest.get(idOf('a'))?.closed).toBe(true)
  })

  it('a shard counts as missing from the first listing that lacks it until one shows it again', () => {
    const { forest, list } = drawForest('a > b')
    list({ hide: ['a'], at: 10 })
    list({ hide: ['a'], at: 20 })
    expect(forest.get(idOf('a'))?.missingSince).toBe(10)
    list({ at: 30 })
    expect(forest.get(idOf('a'))?.missingSince).toBeUndefined()
  })

  it('a shard never becomes its own parent, nor the child of its descendant', () => {
    const forest = new ShardForest()
    const described = (shardId: string, parentShardId: string) => ({
      shardId,
      parentShardId,
      startingSequenceNumber: undefined,
      endingSequenceNumber: undefined,
    })
    forest.merge([described('a', 'a'), described('b', 'c'), described('c', 'b')])
    expect(forest.roots().length).toBe(2)
  })

  it('a finished shard that has been missing for long is removed, and its child does not wait for it', () => {
    const { forest, list } = drawForest('a > b')
    const a = forest.get(idOf('a'))
    if (a) a.state = 'finished'
    list({ hide: ['a'], at: 10 })
    forest.forgetMissingSince(11)
    for (let at = 20; at < 10 * HIDDEN_PARENT_WAIT_MS; at += HIDDEN_PARENT_WAIT_MS) list({ hide: ['a'], at })
    expect(forest.size).toBe(1)
    expect(forest.hiddenParents.size).toBe(0)
    expect(planShard(forest.get(idOf('b')) as never, forest)).toBe('open')
  })

  it('a removed parent is remembered as long as one of its children is known', () => {
    const { forest, list } = drawForest('a > b c')
    const expire = (name: string) => Object.assign(forest.get(idOf(name)) as object, { expired: true })
    for (const name of ['a', 'b', 'c']) Object.assign(forest.get(idOf(name)) as object, { state: 'finished' })
    list({ hide: ['a'], at: 10 })
    forest.forgetMissingSince(11)
    expect(forest.missingParents).toBe(1)
    list({ hide: ['a', 'b'], at: 20 })
    expire('b')
    forest.forgetMissingSince(21)
    expect(forest.missingParents).toBe(1)
    list({ hide: ['a', 'b', 'c'], at: 30 })
    expire('c')
    forest.forgetMissingSince(31)
    expect([forest.size, forest.missingParents]).toEqual([0, 0])
  })

  it('a young shard that was read to its end is kept, because a listing may show it again', () => {
    const { forest, list } = drawForest('a')
    Object.assign(forest.get(idOf('a')) as object, { state: 'finished' })
    list({ hide: ['a'], at: 10 })
    forest.forgetMissingSince(11)
    expect(forest.size).toBe(1)
  })
})

const describedAs = (shardId: string, more: Partial<ShardDescription> = {}): ShardDescription => ({
  shardId,
  parentShardId: undefined,
  startingSequenceNumber: undefined,
  endingSequenceNumber: undefined,
  ...more,
})

describe('listings that lag behind or are incomplete', () => {
  it('a shard whose id contains no time is open again when it is listed again after it had expired', () => {
    const forest = new ShardForest()
    const list = (...shardIds: string[]) => {
      const listing = { number: forest.startListing(), startedAt: 0 }
      forest.merge(shardIds.map((shardId) => describedAs(shardId)))
      forest.completeListing(listing, NOW, 0)
    }
    list('without-a-time')
    list()
    expect(forest.get('without-a-time')).toMatchObject({ expired: true, hasEnded: true })
    list('without-a-time')
    expect(forest.get('without-a-time')).toMatchObject({ expired: false, hasEnded: false })
  })

  it('a shard that was known without its parent is linked once a listing names the parent', () => {
    const forest = new ShardForest()
    const child = forest.ensure('child', undefined)
    const parent = forest.ensure('parent', undefined)
    forest.merge([describedAs('child', { parentShardId: 'parent' })])
    expect(parent.children).toEqual([child])
    expect(forest.parentOf(child)).toBe(parent)
  })

  it('a later listing does not remove the first sequence number of an earlier one', () => {
    const forest = new ShardForest()
    forest.merge([describedAs('a', { startingSequenceNumber: '100' })])
    forest.merge([describedAs('a')])
    expect(forest.get('a')?.startingSequenceNumber).toBe('100')
  })

  it('a shard with a record that is not acknowledged is not removed', () => {
    const { forest, list } = drawForest('a > b')
    const a = forest.get(idOf('a')) as ShardNode
    const delivery = a.ledger.deliver({} as StreamRecord, '5')
    a.state = 'finished'
    list({ hide: ['a'], at: 10 })
    forest.forgetMissingSince(11)
    expect(forest.get(idOf('a'))).toBe(a)
    delivery.settle()
    forest.forgetMissingSince(11)
    expect(forest.get(idOf('a'))).toBeUndefined()
  })
})

describe('missing parents', () => {
  it('a missing parent is hidden while it is young', () => {
    const { forest } = drawForest('(a) > b')
    expect([...forest.hiddenParents].map(({ shardId }) => shardId)).toEqual([idOf('a')])
  })

  it('a missing parent that is older than the retention was trimmed, and is not hidden', () => {
    const { forest } = drawForest('(a) > b')
    forest.updateHiddenParents(0, 0, NOW + RETENTION_MS + 1)
    expect(forest.hiddenParents.size).toBe(0)
    expect(forest.missingParents).toBe(1)
  })

  it('a missing parent is hidden if it was young when the listing started, however late the listing completes', () => {
    const { forest } = drawForest('(a) > b')
    const listing = { number: forest.startListing(), startedAt: 0 }
    forest.completeListing(listing, NOW + RETENTION_MS + 1, RETENTION_MS + 1)
    expect(forest.hiddenParents.size).toBe(1)
    forest.completeListing(
      { number: forest.startListing(), startedAt: RETENTION_MS + 2 },
      NOW + RETENTION_MS + 2,
      RETENTION_MS + 2,
    )
    expect(forest.hiddenParents.size).toBe(0)
  })

  it('a hidden parent times out when a listing that started five minutes after the first one still lacks it', () => {
    const { forest, list } = drawForest('(a) > b')
    list({ at: HIDDEN_PARENT_WAIT_MS - 1 })
    expect(forest.hiddenParents.size).toBe(1)
    list({ at: HIDDEN_PARENT_WAIT_MS })
    expect(forest.hiddenParents.size).toBe(0)
    expect(forest.missingParentOf(forest.get(idOf('b')) as never)?.state).toBe('timedOut')
  })

  it('a listing that started earlier does not make a hidden parent time out, however late it completes', () => {
    const { forest } = drawForest('(a) > b')
    const stale = { number: forest.startListing(), startedAt: 1 }
    forest.completeListing(stale, NOW, 10 * HIDDEN_PARENT_WAIT_MS)
    expect(forest.hiddenParents.size).toBe(1)
  })

  it('a hidden parent is no longer hidden once it is listed', () => {
    const { forest } = drawForest('(a) > b')
    forest.ensure(idOf('a'), undefined)
    expect([forest.hiddenParents.size, forest.missingParents]).toEqual([0, 0])
  })
})

describe('planShard', () => {
  const plan = (picture: string, name: string, states: Record<string, string> = {}) => {
    const { forest } = drawForest(picture)
    for (const [other, state] of Object.entries(states))
      Object.assign(forest.get(idOf(other)) as object, { state })
    return planShard(forest.get(idOf(name)) as never, forest)
  }

  it('a shard is opened when all of its ancestors are finished', () => {
    expect(plan('a > b', 'a')).toBe('open')
    expect(plan('a > b', 'b', { a: 'finished' })).toBe('open')
  })

  it('a shard is prefetched once its parent is fetched, and waits before that', () => {
    expect(plan('a > b', 'b', { a: 'fetched' })).toBe('prefetch')
    expect(plan('a > b', 'b', { a: 'reading' })).toBe('wait')
    expect(plan('a > b', 'b')).toBe('wait')
  })

  it('a shard waits for an ancestor that the token also names, even with another shard between them', () => {
    const { forest } = drawForest('a > b > c')
    seekToken(forest, {
      version: 1,
      streamArn: 'arn',
      shards: [
        { shardId: idOf('a'), at: { after: '5' } },
        { shardId: idOf('c'), parentId: idOf('b'), at: 'start' },
      ],
    })
    const [a, b, c] = ['a', 'b', 'c'].map((name) => forest.get(idOf(name)) as ShardNode)
    expect(b?.state).toBe('finished')
    expect(planShard(c as ShardNode, forest)).toBe('wait')
    Object.assign(a as ShardNode, { state: 'finished' })
    expect(planShard(c as ShardNode, forest)).toBe('open')
  })

  it('a shard waits for a hidden parent, but not for one that timed out or was trimmed', () => {
    expect(plan('(a) > b', 'b')).toBe('wait')
    const { forest, list } = drawForest('(a) > b')
    list({ at: HIDDEN_PARENT_WAIT_MS })
    expect(planShard(forest.get(idOf('b')) as never, forest)).toBe('open')
    const old = drawForest('(a) > b').forest
    old.updateHiddenParents(0, 0, NOW + RETENTION_MS + 1)
    expect(planShard(old.get(idOf('b')) as never, old)).toBe('open')
  })
})

describe('a token applied to the forest', () => {
  const place = (picture: string, shards: Record<string, unknown>) => {
    const { forest } = drawForest(picture)
    const entries = Object.entries(shards).map(([name, at]) => ({ shardId: idOf(name), at }))
    seekToken(forest, { version: 1, streamArn: 'arn', shards: entries as never })
    return Object.fromEntries([...forest.nodes()].map(({ shardId, state }) => [shardId.slice(-1), state]))
  }

  it('a token marks the ancestors of its shards as finished, and all other shards as unread', () => {
    expect(place('a > b c, b > d, e', { d: { after: '5' } })).toEqual({
      a: 'finished',
      b: 'finished',
      c: 'unread',
      d: 'unread',
      e: 'unread',
    })
  })

  it('an ancestor that the token also names stays unread', () => {
    expect(place('a > b', { a: { after: '5' }, b: 'start' })).toEqual({ a: 'unread', b: 'unread' })
  })

  it('a shard that the token names as read to its end is finished', () => {
    expect(place('a > b', { a: { end: '9' } })).toEqual({ a: 'finished', b: 'unread' })
  })
})

describe('a time applied to the forest', () => {
  it('shards whose children were all created well before the requested time are skipped', () => {
    const { forest } = drawForest('a > b, b > c, c > d', { spacingMs: 3_600_000 })
    seekTime(forest, NOW + 2.5 * 3_600_000, NOW + 3 * 3_600_000)
    const states = [...forest.nodes()].map(({ state }) => state)
    expect(states).toEqual(['finished', 'finished', 'unread', 'unread'])
  })

  it('the time in a shard id is only trusted with a margin of five minutes', () => {
    const { forest } = drawForest('a > b', { spacingMs: 60_000 })
    seekTime(forest, NOW + 120_000, NOW + 180_000)
    expect([...forest.nodes()].map(({ state }) => state)).toEqual(['unread', 'unread'])
  })
})
