import { describe, expect, it } from 'vitest'
import { RETENTION_MS } from '../../../src/shards/retention.ts'
import { ShardForest } from '../../../src/shards/shard-forest.ts'
import { drawForest, idOf, NOW } from '../../support/forest.ts'

const described = (
  shardId: string,
  more: { parentShardId?: string; startingSequenceNumber?: string; endingSequenceNumber?: string } = {},
) => ({
  shardId,
  parentShardId: undefined,
  startingSequenceNumber: undefined,
  endingSequenceNumber: undefined,
  ...more,
})

describe('a shard that a complete listing lacks', () => {
  const listedWithout = (shardId: string, serviceNow: number) => {
    const forest = new ShardForest()
    const list = (...shardIds: string[]) => {
      const listing = { number: forest.startListing(), startedAt: 0 }
      forest.merge(shardIds.map((id) => described(id)))
      forest.completeListing(listing, serviceNow, 0)
    }
    list(shardId)
    list()
    return { node: forest.get(shardId), listAgain: () => list(shardId) }
  }

  it('a shard that a complete listing lacks has not expired while it is too young to have been trimmed', () => {
    expect(listedWithout(idOf('a'), NOW + RETENTION_MS - 1).node).toMatchObject({
      expired: false,
      hasEnded: false,
    })
    expect(listedWithout(idOf('a'), NOW + RETENTION_MS).node).toMatchObject({ expired: true, hasEnded: true })
  })

  it('a shard that counted as expired is open again when a later listing shows it', () => {
    const { node, listAgain } = listedWithout('shard-without-a-time', NOW)
    expect(node?.expired).toBe(true)
    listAgain()
    expect(node).toMatchObject({ expired: false, hasEnded: false })
  })
})

describe('listings of a shard', () => {
  it('a shard is linked to its parent when a later listing names the parent', () => {
    const forest = new ShardForest()
    const [parent, child] = [forest.ensure('parent', undefined), forest.ensure('child', undefined)]
    forest.merge([described('child', { parentShardId: 'parent' })])
    expect(parent.children).toEqual([child])
    expect(forest.parentOf(child)).toBe(parent)
  })

  it('a listing without the first sequence number does not remove the one that was known', () => {
    const forest = new ShardForest()
    forest.merge([described('a', { startingSequenceNumber: '100' })])
    forest.merge([described('a')])
    expect(forest.get('a')?.startingSequenceNumber).toBe('100')
  })

  it('a shard with children has ended, even if it is listed as open', () => {
    const forest = new ShardForest()
    forest.merge([described('a'), described('b', { parentShardId: 'a' })])
    expect(forest.get('a')).toMatchObject({ closed: false, hasEnded: true })
    expect(forest.get('b')?.hasEnded).toBe(false)
  })
})

describe('a finished shard that is no longer listed', () => {
  it('a finished shard that is no longer listed is not removed while one of its records is not acknowledged', () => {
    const { forest, list } = drawForest('a > b')
    const node = forest.get(idOf('a'))
    if (!node) throw new Error('a is listed')
    const delivery = node.ledger.deliver({} as never, '1')
    node.state = 'finished'
    list({ hide: ['a'], at: 10 })
    forest.forgetMissingSince(11)
    expect(forest.get(idOf('a'))).toBe(node)
    delivery.settle()
    forest.forgetMissingSince(11)
    expect(forest.get(idOf('a'))).toBeUndefined()
  })

  it('a young finished shard without children is not removed, because it would be read again if it were listed again', () => {
    const { forest, list } = drawForest('a')
    const node = forest.get(idOf('a'))
    if (!node) throw new Error('a is listed')
    node.state = 'finished'
    list({ hide: ['a'], at: 10 })
    forest.forgetMissingSince(11)
    expect(forest.size).toBe(1)
    node.expired = true
    forest.forgetMissingSince(11)
    expect(forest.size).toBe(0)
  })

  it('a child never waits for a parent that was read and removed, however young the parent is', () => {
    const { forest, list } = drawForest('a > b')
    const parent = forest.get(idOf('a'))
    if (parent) parent.state = 'finished'
    list({ hide: ['a'], at: 10 })
    forest.forgetMissingSince(11)
    list({ hide: ['a'], at: 20 })
    expect(forest.hiddenParents.size).toBe(0)
    expect(forest.missingParentOf(forest.get(idOf('b')) as never)?.state).toBe('read')
  })
})
