import { expect, test } from 'vitest'
import { describe, listedIds, root, setUp } from './helpers.ts'

test('a listing contains parents, sequence number ranges and whether shards are open', async () => {
  const { emulator } = setUp()
  const parent = root(emulator)
  const [left, right] = emulator.split()
  const { status, shards } = await describe(emulator)
  expect(status).toBe('ENABLED')
  const byId = new Map(shards.map((shard) => [shard.shardId, shard]))
  expect(byId.size).toBe(3)
  expect(byId.get(parent.shardId)?.parentShardId).toBeUndefined()
  expect(byId.get(parent.shardId)?.endingSequenceNumber).toMatch(/^\d{21,}$/)
  for (const child of [left, right]) {
    expect(byId.get(child?.shardId ?? '')).toMatchObject({ parentShardId: parent.shardId })
    expect(byId.get(child?.shardId ?? '')?.endingSequenceNumber).toBeUndefined()
  }
})

test('a page lists up to 100 shards ordered by id and names the start of the next page', async () => {
  const { emulator } = setUp({ shards: 205 })
  const ids: string[] = []
  const sizes: number[] = []
  let start: string | undefined
  do {
    const page = await describe(emulator, start === undefined ? {} : { exclusiveStartShardId: start })
    ids.push(...page.shards.map(({ shardId }) => shardId))
    sizes.push(page.shards.length)
    start = page.lastEvaluatedShardId
  } while (start !== undefined)
  expect(sizes).toEqual([100, 100, 5])
  expect(ids).toEqual(emulator.shards.map(({ shardId }) => shardId).sort())
})

test('an exactly full last page is final or, if configured, names the key of an empty page', async () => {
  const { emulator } = setUp({ shards: 4, behavior: { shardsPerPage: 4 } })
  expect((await describe(emulator)).lastEvaluatedShardId).toBeUndefined()
  emulator.setBehavior({ exactFullLastPage: 'has-next-key' })
  const { lastEvaluatedShardId = '' } = await describe(emulator)
  expect(lastEvaluatedShardId).not.toBe('')
  expect(await describe(emulator, { exclusiveStartShardId: lastEvaluatedShardId })).toMatchObject({
    shards: [],
    lastEvaluatedShardId: undefined,
  })
})

test('a listing can repeat its page key endlessly', async () => {
  const { emulator } = setUp({ shards: 4, behavior: { shardsPerPage: 2, repeatPageKey: true } })
  const { lastEvaluatedShardId = '' } = await describe(emulator)
  for (let page = 0; page < 3; page++) {
    const again = await describe(emulator, { exclusiveStartShardId: lastEvaluatedShardId })
    expect(again.lastEvaluatedShardId).toBe(lastEvaluatedShardId)
  }
})

test('a listing can be reversed or shuffled', async () => {
  const { emulator } = setUp({ shards: 20 })
  const sorted = await listedIds(emulator)
  emulator.setBehavior({ listingOrder: 'reversed' })
  expect(await listedIds(emulator)).toEqual(sorted.toReversed())
  emulator.setBehavior({ listingOrder: 'shuffled' })
  const shuffled = await listedIds(emulator)
  expect(shuffled).not.toEqual(sorted)
  expect(shuffled.toSorted()).toEqual(sorted)
  expect(await listedIds(emulator)).not.toEqual(shuffled)
})

test('CHILD_SHARDS returns the immediate children, no shards or all shards, or is refused', async () => {
  const { emulator } = setUp()
  const parent = root(emulator)
  const children = emulator.split()
  emulator.split(children[0])
  const listChildren = async () =>
    (await describe(emulator, { childrenOf: parent.shardId })).shards.map(({ shardId }) => shardId)
  expect((await listChildren()).sort()).toEqual(children.map(({ shardId }) => shardId).sort())
  emulator.setBehavior({ childShards: 'empty' })
  expect(await listChildren()).toEqual([])
  emulator.setBehavior({ childShards: 'ignored' })
  expect(await listChildren()).toHaveLength(5)
  emulator.setBehavior({ childShards: 'refused' })
  await expect(listChildren()).rejects.toMatchObject({ name: 'ValidationException' })
})

test('CHILD_SHARDS together with ExclusiveStartShardId is refused', async () => {
  const { emulator } = setUp()
  const { shardId } = root(emulator)
  await expect(
    describe(emulator, { childrenOf: shardId, exclusiveStartShardId: shardId }),
  ).rejects.toMatchObject({
    name: 'ValidationException',
  })
})

test('sequence number ranges can be omitted from a listing', async () => {
  const { emulator } = setUp({ behavior: { omitFromShards: ['sequenceNumberRange'] } })
  emulator.roll()
  for (const shard of (await describe(emulator)).shards) {
    expect(shard).toMatchObject({ startingSequenceNumber: undefined, endingSequenceNumber: undefined })
  }
})

test('a hidden child is listed after the given number of calls', async () => {
  const { emulator } = setUp()
  const child = emulator.roll(undefined, { hidden: { calls: 2 } })
  const seen = [await listedIds(emulator), await listedIds(emulator), await listedIds(emulator)]
  expect(seen.map((ids) => ids.includes(child.shardId))).toEqual([false, false, true])
})

test('calls that would not have listed a hidden child do not count', async () => {
  const { emulator } = setUp({ shards: 2 })
  const [first, second] = emulator.shards
  const child = emulator.roll(first, { hidden: { calls: 1 } })
  const children = async (of: string) => (await describe(emulator, { childrenOf: of })).shards.length
  expect(await children(second?.shardId ?? '')).toBe(0)
  expect(await children(first?.shardId ?? '')).toBe(0)
  expect(await children(first?.shardId ?? '')).toBe(1)
  expect(await listedIds(emulator)).toContain(child.shardId)
})

test('a hidden child is listed after the given time', async () => {
  const { clock, emulator } = setUp()
  const child = emulator.roll(undefined, { hidden: { ms: 60_000 } })
  clock.jump(59_999)
  expect(await listedIds(emulator)).not.toContain(child.shardId)
  clock.jump(1)
  expect(await listedIds(emulator)).toContain(child.shardId)
})

test('any shard can be hidden until show(): one of two children, a listed shard’s parent, or the root', async () => {
  const { emulator } = setUp()
  const parent = root(emulator)
  const [left, right] = emulator.split()
  const grandchild = emulator.roll(left)
  emulator.hide(left ?? '')
  expect((await listedIds(emulator)).sort()).toEqual(
    [parent.shardId, right?.shardId, grandchild.shardId].sort(),
  )
  emulator.hide(parent)
  expect((await listedIds(emulator)).sort()).toEqual([right?.shardId, grandchild.shardId].sort())
  emulator.show(left ?? '')
  emulator.show(parent)
  expect(await listedIds(emulator)).toHaveLength(4)
})

test('a closed parent can be listed as open together with its child', async () => {
  const { emulator } = setUp()
  const parent = root(emulator)
  emulator.roll()
  emulator.showOpen(parent, { calls: 1 })
  const end = async () =>
    (await describe(emulator)).shards.find(({ shardId }) => shardId === parent.shardId)?.endingSequenceNumber
  expect(await end()).toBeUndefined()
  expect(await end()).toBe(emulator.shard(parent).endingSequenceNumber)
})

test("the serviceTime of a listing is the time on the service's clock, truncated to the second", async () => {
  const { clock, emulator } = setUp({ behavior: { clockSkewMs: 7_000 } })
  clock.jump(1_999)
  expect((await describe(emulator)).serviceTime).toBe(Date.UTC(2026, 0, 1) + 8_000)
})

test('DescribeStream does not find the stream of another table', async () => {
  const { emulator } = setUp()
  const streamArn = emulator.streamArn.replace('table/table', 'table/other')
  await expect(emulator.api.listShards({ streamArn }, new AbortController().signal)).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    $fault: 'client',
  })
})
