import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

const HOUR = 3_600_000

it('no gap is reported for a shard that was read, trimmed and forgotten before its second child was listed', async () => {
  const { clock, emulator, id, open, move, drain, write, grow } = shardPicture('a')
  const reader = open({ onGap: 'continue' })
  const gaps: string[] = []
  reader.on('gap', ({ shardId }) => gaps.push(shardId))
  await move(reader, 'trim_horizon')
  write('a')
  expect(await drain(reader)).toEqual(['a1'])
  await clock.advance(HOUR)
  grow('a > b c')
  emulator.hide(id('c'), { ms: 32 * HOUR })
  for (let hour = 0; hour < 33; hour++) {
    expect(await drain(reader)).toEqual([])
    await clock.advance(HOUR)
  }
  write('c')
  await clock.advance(HOUR)
  expect(await drain(reader)).toEqual(['c1'])
  expect(gaps).toEqual([])
})
