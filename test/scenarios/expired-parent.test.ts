import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

const HOUR = 3_600_000

it('a gap is reported for a child that lost records after trim_horizon was requested, although its parent had expired by then', async () => {
  const { clock, emulator, id, open, move, drainForLong, write, grow } = shardPicture('a')
  write('a')
  await clock.advance(2 * HOUR)
  grow('a > b')
  write('b b')
  await clock.advance(23 * HOUR)
  emulator.on('GetShardIterator', { shard: id('a'), times: 9 }, { fail: 'ResourceNotFoundException' })
  const recover = emulator.on(
    'GetShardIterator',
    { shard: id('b'), times: Number.POSITIVE_INFINITY },
    { fail: 'ThrottlingException' },
  )
  const reader = open({ onGap: 'continue' })
  const gaps: string[] = []
  reader.on('gap', ({ shardId }) => gaps.push(shardId))
  await move(reader, 'trim_horizon')
  expect(await drainForLong(reader)).toEqual([])
  await clock.advance(2 * HOUR)
  recover()
  const [last] = write('b')
  expect(await drainForLong(reader)).toEqual([last])
  expect(gaps).toEqual([id('b')])
})
