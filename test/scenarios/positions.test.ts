import { describe, expect, it } from 'vitest'
import { drawn } from './drawn.ts'

describe('a Date of this very second', () => {
  it('loses nothing that is written while the shards are being listed', async () => {
    const { clock, emulator, open, move, drainForLong, write, grow } = drawn('a', { behaviour: { shardsPerPage: 1 } })
    await clock.advance(2_300)
    const reader = open()
    const written: string[] = []
    const since = new Date(clock.now())
    emulator.on('DescribeStream', {}, { delayMs: 2_000 })
    clock.setTimer(1_000, () => {
      written.push(...write('a'))
      grow('a > b')
      written.push(...write('b'))
    })
    await move(reader, since)
    expect(await drainForLong(reader)).toEqual(written)
  })
})
