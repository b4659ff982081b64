import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('a token saved at a Date names shards that wait for a hidden shard, so that loading it delivers nothing older', async () => {
  const { clock, emulator, id, open, move, drainForLong, write, grow } = shardPicture('a')
  await clock.advance(1_000)
  grow('a > b c d, b > e, e > h, c > f, f > g')
  write('d d')
  await clock.advance(600_000)
  emulator.hide(id('c'), { ms: 10_000 })
  const reader = open()
  await move(reader, new Date(clock.now()))
  const resumed = open()
  await move(resumed, JSON.stringify(reader.token))
  const written = write('d h')
  expect((await drainForLong(resumed)).sort()).toEqual(written)
})
