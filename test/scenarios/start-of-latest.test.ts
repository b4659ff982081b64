import { expect, it } from 'vitest'
import { ManualClock } from '../../src/testing/index.ts'
import { drawn } from './drawn.ts'

it('latest, called at the end of a second, delivers nothing dated in the second before, though its iterators point before it', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1) + 9_500)
  const { open, move, drain, write } = drawn('a', { clock, behaviour: { latestSlack: 3 } })
  write('a a a')
  await clock.advance(1_400)
  const reader = open()
  await move(reader, 'latest')
  const written = write('a')
  expect(await drain(reader)).toEqual(written)
})
