import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('a record of a child dated before the requested time is delivered if it follows a requested record of its parent', async () => {
  const { clock, emulator, id, open, move, drain, grow } = shardPicture('a x')
  await clock.advance(60_000)
  const since = clock.now() - 30_000
  const put = (letter: string, n: number, second: number) =>
    emulator.put({ id: emulator.keyForShard(id(letter)), n }, { createdAt: since + second * 1_000 })
  put('a', 1, -1)
  put('a', 2, 1)
  grow('a > b')
  put('b', 3, -5)
  put('b', 4, 2)
  // The merge waits for this shard, so the child is fetched while the parent's record is still buffered.
  emulator.on('GetRecords', { shard: id('x'), times: 9 }, { delayMs: 500 })
  const reader = open()
  await move(reader, new Date(since))
  expect(await drain(reader)).toEqual(['a2', 'b1', 'b2'])
})
