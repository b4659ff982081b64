import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('next() returns undefined within a minute although open shards have no next iterator', async () => {
  const { emulator, clock, open, move } = shardPicture('a b c d e f', {
    behavior: { openShardNextIterator: 'absent', shardsPerPage: 1 },
  })
  const reader = open()
  await move(reader, 'trim_horizon')
  let result: unknown = 'not yet'
  void reader.next().then((record) => {
    result = record
  })
  await clock.advance(60_000)
  expect(result).toBeUndefined()
  expect(emulator.log.filter(({ op }) => op === 'DescribeStream').length).toBeLessThan(100)
})

it('next() finds the records of children right after a split although all shards have just been listed', async () => {
  const { open, move, drain, write, grow } = shardPicture('a')
  const reader = open()
  await move(reader, 'trim_horizon')
  await drain(reader)
  grow('a > b c')
  const written = write('c')
  expect(await drain(reader)).toEqual(written)
})

it('next() does not return undefined while records follow five empty pages', async () => {
  const { open, move, drain, write } = shardPicture('a b', { behavior: { emptyPagesAtStart: 5 } })
  const written = write('a b')
  const reader = open()
  await move(reader, 'trim_horizon')
  expect(await drain(reader)).toEqual(written)
})

it('next() does not return undefined just because every record of a page is older than the requested time', async () => {
  const { clock, emulator, id, open, move, drain } = shardPicture('a')
  const reader = open()
  await move(reader, new Date(clock.now() + 2_000))
  await drain(reader)
  const text = 'x'.repeat(150_000)
  const key = emulator.keyForShard(id('a'))
  for (let n = 0; n < 8; n++) {
    emulator.put({ id: key, n, text })
    clock.jump(300)
  }
  expect(await drain(reader)).toEqual(['a8'])
})
