import { describe, expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { planShard } from '../../../src/shards/parents-first.ts'
import { RETENTION_MS } from '../../../src/shards/retention.ts'
import { seekTime, seekToken } from '../../../src/shards/seek.ts'
import type { ShardNode } from '../../../src/shards/shard.ts'
import { HIDDEN_PARENT_WAIT_MS, ShardForest } from '../../../src/shards/shard-forest.ts'
import type { ShardDescription } from '../../../src/streams-api/streams-api.ts'
import { forest, idOf, NOW } from '../../support/forest.ts'

describe('ShardForest', () => {
  it.each(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])(
    'parents and children are linked when they are listed in the order %s',
    (order) => {
      const { lineage } = forest('a > b > c', { order: [...order] })
      expect(lineage.roots().map(({ shardId }) => shardId)).toEqual([idOf('a')])
      expect(lineage.get(idOf('b'))?.children).toEqual([lineage.get(idOf('c'))])
      expect(lineage.parentOf(lineage.get(idOf('b')) as never)).toBe(lineage.get(idOf('a')))
      expect(lineage.missingParents).toBe(0)
    },
  )

  it('a closed shard stays closed when a late listing shows it as open', () => {
    const { lineage, list } = forest('a > b')
    list({ open: ['a'] })
    expect(lineage.get(idOf('a'))?.closed).toBe(true)
  })

  it('a shard counts as missing from the first listing that lacks it until one shows it again', () => {
    const { lineage, list } = forest('a > b')
    list({ hide: ['a'], at: 10 })
    list({ hide: ['a'], at: 20 })
    expect(lineage.get(idOf('a'))?.missingSince).toBe(10)
    list({ at: 30 })
    expect(lineage.get(idOf('a'))?.missingSince).toBeUndefined()
  })

  it('a shard never becomes its own parent, nor the child of its descendant', () => {
    const lineage = new ShardForest()
    const described = (shardId: string, parentShardId: string) => ({
      shardId,
      parentShardId,
      startingSequenceNumber: undefined,
      endingSequenceNumber: undefined,
    })
    lineage.merge([described('a', 'a'), described('b', 'c'), described('c', 'b')])
    expect(lineage.roots().length).toBe(2)
  })

  it('a finished shard that has been missing for long is removed, and its child does not wait for it', () => {
    const { lineage, list } = forest('a > b')
    const a = lineage.get(idOf('a'))
    if (a) a.state = 'finished'
    list({ hide: ['a'], at: 10 })
    lineage.forgetMissingSince(11)
    for (let at = 20; at < 10 * HIDDEN_PARENT_WAIT_MS; at += HIDDEN_PARENT_WAIT_MS) list({ hide: ['a'], at })
    expect(lineage.size).toBe(1)
    expect(lineage.hiddenParents.size).toBe(0)
    expect(planShard(lineage.get(idOf('b')) as never, lineage)).toBe('open')
  })

  it('a removed parent is remembered as long as one of its children is known', () => {
    const { lineage, list } = forest('a > b c')
    const expire = (name: string) => Object.assign(lineage.get(idOf(name)) as object, { expired: true })
    for (const name of ['a', 'b', 'c'])
      Object.assign(lineage.get(idOf(name)) as object, { state: 'finished' })
    list({ hide: ['a'], at: 10 })
    lineage.forgetMissingSince(11)
    expect(lineage.missingParents).toBe(1)
    list({ hide: ['a', 'b'], at: 20 })
    expire('b')
    lineage.forgetMissingSince(21)
    expect(lineage.missingParents).toBe(1)
    list({ hide: ['a', 'b', 'c'], at: 30 })
    expire('c')
    lineage.forgetMissingSince(31)
    expect([lineage.size, lineage.missingParents]).toEqual([0, 0])
  })

  it('a young shard that was read to its end is kept, because a listing may show it again', () => {
    const { lineage, list } = forest('a')
    Object.assign(lineage.get(idOf('a')) as object, { state: 'finished' })
    list({ hide: ['a'], at: 10 })
    lineage.forgetMissingSince(11)
    expect(lineage.size).toBe(1)
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
    const lineage = new ShardForest()
    const list = (...shardIds: string[]) => {
      const listing = { number: lineage.startListing(), startedAt: 0 }
      lineage.merge(shardIds.map((shardId) => describedAs(shardId)))
      lineage.completeListing(listing, NOW, 0)
    }
    list('without-a-time')
    list()
    expect(lineage.get('without-a-time')).toMatchObject({ expired: true, hasEnded: true })
    list('without-a-time')
    expect(lineage.get('without-a-time')).toMatchObject({ expired: false, hasEnded: false })
  })

  it('a shard that was known without its parent is linked once a listing names the parent', () => {
    const lineage = new ShardForest()
    const child = lineage.ensure('child', undefined)
    const parent = lineage.ensure('parent', undefined)
    lineage.merge([describedAs('child', { parentShardId: 'parent' })])
    expect(parent.children).toEqual([child])
    expect(lineage.parentOf(child)).toBe(parent)
  })

  it('a later listing does not remove the first sequence number of an earlier one', () => {
    const lineage = new ShardForest()
    lineage.merge([describedAs('a', { startingSequenceNumber: '100' })])
    lineage.merge([describedAs('a')])
    expect(lineage.get('a')?.startingSequenceNumber).toBe('100')
  })

  it('a shard with a record that is not acknowledged is not removed', () => {
    const { lineage, list } = forest('a > b')
    const a = lineage.get(idOf('a')) as ShardNode
    const delivery = a.ledger.deliver({} as StreamRecord, '5')
    a.state = 'finished'
    list({ hide: ['a'], at: 10 })
    lineage.forgetMissingSince(11)
    expect(lineage.get(idOf('a'))).toBe(a)
    a.ledger.settle(delivery)
    lineage.forgetMissingSince(11)
    expect(lineage.get(idOf('a'))).toBeUndefined()
  })
})

describe('missing parents', () => {
  it('a missing parent is hidden while it is young', () => {
    const { lineage } = forest('(a) > b')
    expect([...lineage.hiddenParents].map(({ shardId }) => shardId)).toEqual([idOf('a')])
  })

  it('a missing parent that is older than the retention was trimmed, and is not hidden', () => {
    const { lineage } = forest('(a) > b')
    lineage.updateHiddenParents(0, 0, NOW + RETENTION_MS + 1)
    expect(lineage.hiddenParents.size).toBe(0)
    expect(lineage.missingParents).toBe(1)
  })

  it('a missing parent is hidden if it was young when the listing started, however late the listing completes', () => {
    const { lineage } = forest('(a) > b')
    const listing = { number: lineage.startListing(), startedAt: 0 }
    lineage.completeListing(listing, NOW + RETENTION_MS + 1, RETENTION_MS + 1)
    expect(lineage.hiddenParents.size).toBe(1)
    lineage.completeListing(
      { number: lineage.startListing(), startedAt: RETENTION_MS + 2 },
      NOW + RETENTION_MS + 2,
      RETENTION_MS + 2,
    )
    expect(lineage.hiddenParents.size).toBe(0)
  })

  it('a hidden parent times out when a listing that started five minutes after the first one still lacks it', () => {
    const { lineage, list } = forest('(a) > b')
    list({ at: HIDDEN_PARENT_WAIT_MS - 1 })
    expect(lineage.hiddenParents.size).toBe(1)
    list({ at: HIDDEN_PARENT_WAIT_MS })
    expect(lineage.hiddenParents.size).toBe(0)
    expect(lineage.missingParentOf(lineage.get(idOf('b')) as never)?.state).toBe('timedOut')
  })

  it('a listing that started earlier does not make a hidden parent time out, however late it completes', () => {
    const { lineage } = forest('(a) > b')
    const stale = { number: lineage.startListing(), startedAt: 1 }
    lineage.completeListing(stale, NOW, 10 * HIDDEN_PARENT_WAIT_MS)
    expect(lineage.hiddenParents.size).toBe(1)
  })

  it('a hidden parent is no longer hidden once it is listed', () => {
    const { lineage } = forest('(a) > b')
    lineage.ensure(idOf('a'), undefined)
    expect([lineage.hiddenParents.size, lineage.missingParents]).toEqual([0, 0])
  })
})

describe('planShard', () => {
  const plan = (picture: string, name: string, states: Record<string, string> = {}) => {
    const { lineage } = forest(picture)
    for (const [other, state] of Object.entries(states))
      Object.assign(lineage.get(idOf(other)) as object, { state })
    return planShard(lineage.get(idOf(name)) as never, lineage)
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
    const { lineage } = forest('a > b > c')
    seekToken(lineage, {
      version: 1,
      streamArn: 'arn',
      shards: [
        { shardId: idOf('a'), at: { after: '5' } },
        { shardId: idOf('c'), parentId: idOf('b'), at: 'start' },
      ],
    })
    const [a, b, c] = ['a', 'b', 'c'].map((name) => lineage.get(idOf(name)) as ShardNode)
    expect(b?.state).toBe('finished')
    expect(planShard(c as ShardNode, lineage)).toBe('wait')
    Object.assign(a as ShardNode, { state: 'finished' })
    expect(planShard(c as ShardNode, lineage)).toBe('open')
  })

  it('a shard waits for a hidden parent, but not for one that timed out or was trimmed', () => {
    expect(plan('(a) > b', 'b')).toBe('wait')
    const { lineage, list } = forest('(a) > b')
    list({ at: HIDDEN_PARENT_WAIT_MS })
    expect(planShard(lineage.get(idOf('b')) as never, lineage)).toBe('open')
    const old = forest('(a) > b').lineage
    old.updateHiddenParents(0, 0, NOW + RETENTION_MS + 1)
    expect(planShard(old.get(idOf('b')) as never, old)).toBe('open')
  })
})

describe('a token applied to the forest', () => {
  const place = (picture: string, shards: Record<string, unknown>) => {
    const { lineage } = forest(picture)
    const entries = Object.entries(shards).map(([name, at]) => ({ shardId: idOf(name), at }))
    seekToken(lineage, { version: 1, streamArn: 'arn', shards: entries as never })
    return Object.fromEntries([...lineage.nodes()].map(({ shardId, state }) => [shardId.slice(-1), state]))
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
    const { lineage } = forest('a > b, b > c, c > d', { spacingMs: 3_600_000 })
    seekTime(lineage, NOW + 2.5 * 3_600_000, NOW + 3 * 3_600_000)
    const states = [...lineage.nodes()].map(({ state }) => state)
    expect(states).toEqual(['finished', 'finished', 'unread', 'unread'])
  })

  it('the time in a shard id is only trusted with a margin of five minutes', () => {
    const { lineage } = forest('a > b', { spacingMs: 60_000 })
    seekTime(lineage, NOW + 120_000, NOW + 180_000)
    expect([...lineage.nodes()].map(({ state }) => state)).toEqual(['unread', 'unread'])
  })
})
