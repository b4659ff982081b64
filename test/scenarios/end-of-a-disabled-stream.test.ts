import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('a disabled stream ends even for a reader that started while its last shard was not listed', async () => {
  const { clock, emulator, id, open, move } = shardPicture('a')
  const first = open()
  await move(first, 'trim_horizon')
  const reader = open()
  emulator.hide(id('a'), { calls: 1 })
  emulator.disable()
  await move(reader, JSON.stringify(first.token))
  let calls = 0
  const read = async () => {
    while (!reader.ended) {
      await reader.next()
      calls++
    }
  }
  void read()
  await clock.advance(120_000)
  expect(calls).toBeGreaterThan(0)
  expect(reader.ended).toBe(true)
})
