import { describe, expect, it } from 'vitest'
import { Lineage } from '../../../src/shards/lineage.ts'
import { HIDDEN_PARENT_WAIT_MS, planShard } from '../../../src/shards/plan.ts'
import { RETENTION_MS } from '../../../src/shards/retention.ts'
import { seekTime, seekToken } from '../../../src/shards/seek.ts'
import { forest, idOf, NOW } from '../../support/forest.ts'

describe('a lineage', () => {
  it.each(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])('links parents and children listed as %s', (order) => {
    const { lineage } = forest('a > b > c', { order: [...order] })
    expect(lineage.roots().map(({ shardId }) => shardId)).toEqual([idOf('a')])
    expect(lineage.get(idOf('b'))?.children).toEqual([lineage.get(idOf('c'))])
    expect(lineage.parentOf(lineage.get(idOf('b')) as never)).toBe(lineage.get(idOf('a')))
  })

  it('keeps a shard closed that a late listing shows as open', () => {
    const { lineage, list } = forest('a > b')
    list({ open: ['a'] })
    expect(lineage.get(idOf('a'))?.closed).toBe(true)
  })

  it('tells what vanished once, and takes it back when it is shown again', () => {
    const { lineage, list } = forest('a > b')
    expect(list({ hide: ['a'] }).map(({ shardId }) => shardId)).toEqual([idOf('a')])
    expect(list({ hide: ['a'] })).toEqual([])
    list()
    expect(lineage.get(idOf('a'))?.vanishedAt).toBeUndefined()
  })

  it('does not let a shard wait for itself, or for its heir', () => {
    const lineage = new Lineage()
    const described = (shardId: string, parentShardId: string) => ({
      shardId,
      parentShardId,
      startingSequenceNumber: undefined,
      endingSequenceNumber: undefined,
    })
    lineage.merge([described('a', 'a'), described('b', 'c'), described('c', 'b')])
    expect(lineage.roots().length).toBe(2)
  })

  it('forgets what was finished and vanished long ago, and its children do not miss it', () => {
    const { lineage, list } = forest('a > b')
    const [a, b] = [lineage.get(idOf('a')), lineage.get(idOf('b'))]
    if (a) a.state = 'finished'
    list({ hide: ['a'] })
    lineage.forgetVanishedBefore(NOW + 1)
    expect(lineage.get(idOf('a'))).toBeUndefined()
    expect(b?.parentId).toBeUndefined()
  })
})

describe('the plan for an unread shard', () => {
  const plan = (picture: string, name: string, states: Record<string, string> = {}, now = NOW) => {
    const { lineage } = forest(picture)
    for (const [other, state] of Object.entries(states))
      Object.assign(lineage.get(idOf(other)) as object, { state })
    return planShard(lineage.get(idOf(name)) as never, lineage, NOW, now)
  }

  it('is to read it when nothing stands before it', () => {
    expect(plan('a > b', 'a')).toEqual({ do: 'open' })
    expect(plan('a > b', 'b', { a: 'finished' })).toEqual({ do: 'open' })
  })

  it('is to fetch it ahead when its parent is fetched, and to wait before', () => {
    expect(plan('a > b', 'b', { a: 'fetched' })).toEqual({ do: 'prefetch' })
    expect(plan('a > b', 'b', { a: 'reading' })).toEqual({ do: 'wait' })
    expect(plan('a > b', 'b')).toEqual({ do: 'wait' })
  })

  it('is to wait for a young parent that is not listed, for five minutes', () => {
    const until = NOW + HIDDEN_PARENT_WAIT_MS
    expect(plan('(a) > b', 'b')).toEqual({ do: 'wait', until })
    expect(plan('(a) > b', 'b', {}, until)).toEqual({ do: 'open', hiddenParentId: idOf('a') })
  })

  it('is not to wait for an old parent that is not listed', () => {
    const { lineage } = forest('(a) > b')
    const later = NOW + RETENTION_MS + 1
    expect(planShard(lineage.get(idOf('b')) as never, lineage, later, later)).toEqual({ do: 'open' })
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
