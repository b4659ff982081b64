import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('a token of a Date names shards that wait for the hidden parent of another one, so that nothing older is delivered after it', async () => {
  const { clock, emulator, id, open, move, drainForLong, write, grow } = shardPicture('a')
  await clock.advance(1_000)
  grow('a > b c d, b > e, e > h, c > f, f > g')
  write('d d')
  await clock.advance(600_000)
  emulator.hide(id('c'), { ms: 10_000 })
  const reader = open()
  await move(reader, new Date(clock.now()))
  const again = open()
  await move(again, JSON.stringify(reader.token))
  const written = write('d h')
  expect((await drainForLong(again)).sort()).toEqual(written)
})
