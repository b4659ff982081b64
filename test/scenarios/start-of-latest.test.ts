import { expect, it } from 'vitest'
import { ManualClock } from '../../src/testing/index.ts'
import { shardPicture } from '../support/shard-picture.ts'

it('reading from latest late in a second delivers nothing dated in the previous second although its iterators point before it', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1) + 9_500)
  const { open, move, drain, write } = shardPicture('a', { clock, behavior: { latestOffset: 3 } })
  write('a a a')
  await clock.advance(1_400)
  const reader = open()
  await move(reader, 'latest')
  const written = write('a')
  expect(await drain(reader)).toEqual(written)
})
