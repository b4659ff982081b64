import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('a pending shard of a token still waits for its hidden parent after a reload, even while it is not listed itself', async () => {
  const { clock, emulator, id, open, move, drainForLong, write, grow } = shardPicture('a')
  const since = new Date(clock.now() - 60_000)
  write('a a')
  grow('a > b')
  write('b')
  grow('b > c')
  write('c')
  emulator.hide(id('b'), { ms: 60_000 })
  const first = open()
  await move(first, since)
  await clock.run(first.next())
  const { token } = first
  expect(token.shards.map(({ shardId, state }) => [shardId, state])).toEqual([
    [id('a'), undefined],
    [id('c'), 'pending'],
  ])
  emulator.hide(id('c'), { ms: 60_000 })
  const second = open()
  await move(second, token)
  expect(await drainForLong(second)).toEqual(['a2', 'b1', 'c1'])
})
