import { describe, expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { planShard } from '../../../src/shards/parents-first.ts'
import { RETENTION_MS } from '../../../src/shards/retention.ts'
import { seekTime, seekToken } from '../../../src/shards/seek.ts'
import type { ShardNode } from '../../../src/shards/shard.ts'
import { HIDDEN_PARENT_WAIT_MS, ShardForest } from '../../../src/shards/shard-forest.ts'
import type { ShardDescription } from '../../../src/streams-api/streams-api.ts'
import { forest, idOf, NOW } from '../../support/forest.ts'

describe('the forest of shards', () => {
  it.each(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])('links parents and children listed as %s', (order) => {
    const { lineage } = forest('a > b > c', { order: [...order] })
    expect(lineage.roots().map(({ shardId }) => shardId)).toEqual([idOf('a')])
    expect(lineage.get(idOf('b'))?.children).toEqual([lineage.get(idOf('c'))])
    expect(lineage.parentOf(lineage.get(idOf('b')) as never)).toBe(lineage.get(idOf('a')))
    expect(lineage.missingParents).toBe(0)
  })

  it('keeps a shard closed that a late listing shows as open', () => {
    const { lineage, list } = forest('a > b')
    list({ open: ['a'] })
    expect(lineage.get(idOf('a'))?.closed).toBe(true)
  })

  it('notes since when a shard is missing from listings, until one shows it again', () => {
    const { lineage, list } = forest('a > b')
    list({ hide: ['a'], at: 10 })
    list({ hide: ['a'], at: 20 })
    expect(lineage.get(idOf('a'))?.missingSince).toBe(10)
    list({ at: 30 })
    expect(lineage.get(idOf('a'))?.missingSince).toBeUndefined()
  })

  it('does not let a shard wait for itself, or for its descendant', () => {
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

  it('forgets a finished shard that is missing for long, and never misses it again', () => {
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

  it('remembers a forgotten parent for as long as one of its children is known', () => {
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

  it('keeps a young shard that was read to its end, as a listing may show it again', () => {
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

describe('listings that lag behind or leave something out', () => {
  it('do not take a shard for gone for good: one whose id contains no time is back when it is listed again', () => {
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

  it('link a shard that was known without its parent, once one of them names it', () => {
    const lineage = new ShardForest()
    const child = lineage.ensure('child', undefined)
    const parent = lineage.ensure('parent', undefined)
    lineage.merge([describedAs('child', { parentShardId: 'parent' })])
    expect(parent.children).toEqual([child])
    expect(lineage.parentOf(child)).toBe(parent)
  })

  it('do not take away the first sequence number that an earlier one gave', () => {
    const lineage = new ShardForest()
    lineage.merge([describedAs('a', { startingSequenceNumber: '100' })])
    lineage.merge([describedAs('a')])
    expect(lineage.get('a')?.startingSequenceNumber).toBe('100')
  })

  it('do not have a shard forgotten that holds a record which is not acknowledged', () => {
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

describe('a parent that is named and not listed', () => {
  it('is hidden while it is young', () => {
    const { lineage } = forest('(a) > b')
    expect([...lineage.hiddenParents].map(({ shardId }) => shardId)).toEqual([idOf('a')])
  })

  it('is trimmed, not hidden, when it is older than the retention', () => {
    const { lineage } = forest('(a) > b')
    lineage.updateHiddenParents(0, 0, NOW + RETENTION_MS + 1)
    expect(lineage.hiddenParents.size).toBe(0)
    expect(lineage.missingParents).toBe(1)
  })

  it('is hidden when it was young as the listing started, however late that completes', () => {
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

  it('is given up by a listing that started five minutes after the first one that lacked it', () => {
    const { lineage, list } = forest('(a) > b')
    list({ at: HIDDEN_PARENT_WAIT_MS - 1 })
    expect(lineage.hiddenParents.size).toBe(1)
    list({ at: HIDDEN_PARENT_WAIT_MS })
    expect(lineage.hiddenParents.size).toBe(0)
    expect(lineage.missingParentOf(lineage.get(idOf('b')) as never)?.state).toBe('timedOut')
  })

  it('is not given up by a listing that started before, however late it completes', () => {
    const { lineage } = forest('(a) > b')
    const stale = { number: lineage.startListing(), startedAt: 1 }
    lineage.completeListing(stale, NOW, 10 * HIDDEN_PARENT_WAIT_MS)
    expect(lineage.hiddenParents.size).toBe(1)
  })

  it('is not hidden any more once it is listed', () => {
    const { lineage } = forest('(a) > b')
    lineage.ensure(idOf('a'), undefined)
    expect([lineage.hiddenParents.size, lineage.missingParents]).toEqual([0, 0])
  })
})

describe('the plan for an unread shard', () => {
  const plan = (picture: string, name: string, states: Record<string, string> = {}) => {
    const { lineage } = forest(picture)
    for (const [other, state] of Object.entries(states))
      Object.assign(lineage.get(idOf(other)) as object, { state })
    return planShard(lineage.get(idOf(name)) as never, lineage)
  }

  it('is to read it when nothing comes before it', () => {
    expect(plan('a > b', 'a')).toBe('open')
    expect(plan('a > b', 'b', { a: 'finished' })).toBe('open')
  })

  it('is to fetch it ahead when its parent is fetched, and to wait before', () => {
    expect(plan('a > b', 'b', { a: 'fetched' })).toBe('prefetch')
    expect(plan('a > b', 'b', { a: 'reading' })).toBe('wait')
    expect(plan('a > b', 'b')).toBe('wait')
  })

  it('is to wait for an ancestor that a token names as well, with a shard between them', () => {
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

  it('is to wait for a hidden parent, and not for one that was given up or trimmed', () => {
    expect(plan('(a) > b', 'b')).toBe('wait')
    const { lineage, list } = forest('(a) > b')
    list({ at: HIDDEN_PARENT_WAIT_MS })
    expect(planShard(lineage.get(idOf('b')) as never, lineage)).toBe('open')
    const old = forest('(a) > b').lineage
    old.updateHiddenParents(0, 0, NOW + RETENTION_MS + 1)
    expect(planShard(old.get(idOf('b')) as never, old)).toBe('open')
  })
})

describe('a token laid over the forest', () => {
  const place = (picture: string, shards: Record<string, unknown>) => {
    const { lineage } = forest(picture)
    const entries = Object.entries(shards).map(([name, at]) => ({ shardId: idOf(name), at }))
    seekToken(lineage, { version: 1, streamArn: 'arn', shards: entries as never })
    return Object.fromEntries([...lineage.nodes()].map(({ shardId, state }) => [shardId.slice(-1), state]))
  }

  it('finishes the ancestors of its shards, and leaves all others unread', () => {
    expect(place('a > b c, b > d, e', { d: { after: '5' } })).toEqual({
      a: 'finished',
      b: 'finished',
      c: 'unread',
      d: 'unread',
      e: 'unread',
    })
  })

  it('keeps an ancestor unread that is in it too', () => {
    expect(place('a > b', { a: { after: '5' }, b: 'start' })).toEqual({ a: 'unread', b: 'unread' })
  })

  it('finishes what was read to its end', () => {
    expect(place('a > b', { a: { end: '9' } })).toEqual({ a: 'finished', b: 'unread' })
  })
})

describe('a time laid over the forest', () => {
  it('passes over shards whose children were all made well before it', () => {
    const { lineage } = forest('a > b, b > c, c > d', { spacingMs: 3_600_000 })
    seekTime(lineage, NOW + 2.5 * 3_600_000, NOW + 3 * 3_600_000)
    const states = [...lineage.nodes()].map(({ state }) => state)
    expect(states).toEqual(['finished', 'finished', 'unread', 'unread'])
  })

  it('trusts the time in ids with five minutes of room only', () => {
    const { lineage } = forest('a > b', { spacingMs: 60_000 })
    seekTime(lineage, NOW + 120_000, NOW + 180_000)
    expect([...lineage.nodes()].map(({ state }) => state)).toEqual(['unread', 'unread'])
  })
})
