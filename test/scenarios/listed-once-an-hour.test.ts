import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

const rarely = { discoveryIntervalMs: 3_600_000 }

it('the hidden child of a finished shard in a token is read within minutes although all shards are listed only once an hour', async () => {
  const { emulator, id, open, move, drain, drainForLong, write, grow } = shardPicture('a b')
  const written = write('a b')
  const first = open()
  await move(first, 'trim_horizon')
  expect(await drain(first)).toEqual(written)
  grow('a > c')
  emulator.hide(id('c'), { ms: 5_000 })
  expect(await drain(first)).toEqual([])
  const { token } = first
  expect(token.shards.map(({ shardId }) => shardId).sort()).toEqual([id('a'), id('b')].sort())
  await first.close()
  const later = write('c')
  emulator.hide(id('c'), { ms: 5_000 })
  const second = open(rarely)
  await move(second, token)
  expect(await drainForLong(second)).toEqual(later)
})

it('a shard that a token names with its grandparent is read within minutes although all shards are listed only once an hour', async () => {
  const { emulator, id, open, move, drainForLong, write } = shardPicture('a > b > c')
  const written = write('c c')
  const reader = open(rarely)
  await move(reader, {
    version: 1,
    streamArn: emulator.streamArn,
    shards: [
      { shardId: id('a'), at: 'start' },
      { shardId: id('c'), parentId: id('b'), at: 'start' },
    ],
  })
  expect(await drainForLong(reader)).toEqual(written)
})

it('a shard whose hidden parent proves unrelated to an open shard is read while that shard is still open', async () => {
  const { emulator, id, open, move, drainForLong, write, grow } = shardPicture('a x')
  grow('x > b, b > c')
  emulator.hide(id('b'), { ms: 10_000 })
  const reader = open()
  await move(reader, 'latest')
  const written = write('c')
  expect(await drainForLong(reader)).toEqual(written)
})
