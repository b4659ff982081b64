import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('open shards without a next iterator do not keep next from saying that there is nothing new', async () => {
  const { emulator, clock, open, move } = shardPicture('a b c d e f', {
    behavior: { openShardNextIterator: 'absent', shardsPerPage: 1 },
  })
  const reader = open()
  await move(reader, 'trim_horizon')
  let said: unknown = 'not yet'
  void reader.next().then((record) => {
    said = record
  })
  await clock.advance(60_000)
  expect(said).toBeUndefined()
  expect(emulator.log.filter(({ op }) => op === 'DescribeStream').length).toBeLessThan(100)
})

it('next finds what children hold in the moment after a split, also when all shards were listed a moment ago', async () => {
  const { open, move, drain, write, grow } = shardPicture('a')
  const reader = open()
  await move(reader, 'trim_horizon')
  await drain(reader)
  grow('a > b c')
  const written = write('c')
  expect(await drain(reader)).toEqual(written)
})

it('data behind five empty pages is not taken for nothing new', async () => {
  const { open, move, drain, write } = shardPicture('a b', { behavior: { emptyPagesAtStart: 5 } })
  const written = write('a b')
  const reader = open()
  await move(reader, 'trim_horizon')
  expect(await drain(reader)).toEqual(written)
})

it('an answer that is passed over whole does not count as nothing new', async () => {
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
