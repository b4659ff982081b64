import { describe, expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

describe('a token', () => {
  it('a token saved while children wait for a parent that is not listed yet does not skip the parent', async () => {
    const { emulator, id, open, move, drainForLong, write, grow } = shardPicture('a > b c')
    const written = write('c')
    grow('c > d e')
    emulator.hide(id('b'), { ms: 5_000 })
    emulator.hide(id('c'), { ms: 5_000 })
    const reader = open()
    await move(reader, 'trim_horizon')
    const token = JSON.stringify(reader.token)
    const next = open()
    await move(next, token)
    expect(await drainForLong(next)).toEqual(written)
  })
})

describe('loading a token', () => {
  it('a loaded token keeps the requested time for shards that wait because another one is hidden', async () => {
    const { clock, emulator, id, open, move, drainForLong, frontier, write } =
      shardPicture('a b, a > c > d > e f')
    write('b')
    await clock.advance(2 * 3_600_000)
    emulator.hide(id('c'), { ms: 1_000 })
    const reader = open()
    await move(reader, new Date(clock.now()))
    expect(frontier(reader)).toContain('b:since')
    const next = open()
    await move(next, JSON.stringify(reader.token))
    expect(await drainForLong(next)).toEqual([])
  })

  it('a loaded token does not read a skipped shard, and reads its late children from the same time on', async () => {
    const { clock, emulator, id, open, move, drainForLong, frontier, write, grow } = shardPicture('a')
    write('a')
    grow('a > b')
    write('b')
    await clock.advance(2_000)
    emulator.hide(id('b'), { ms: 60_000 })
    const reader = open()
    await move(reader, 'latest')
    expect(frontier(reader)).toEqual(['a:since'])
    const written = write('b')
    const next = open()
    await move(next, JSON.stringify(reader.token))
    const start = emulator.log.length
    expect(await drainForLong(next)).toEqual(written)
    expect(emulator.log.slice(start).some(({ op, shard }) => op === 'GetRecords' && shard === id('a'))).toBe(
      false,
    )
  })

  it('a loaded token does not treat a grandparent as unread when the parent is no longer listed and its sibling appears', async () => {
    const { clock, emulator, id, open, move, drain, drainForLong, write, grow } = shardPicture('a')
    write('a')
    grow('a > b c')
    grow('c > d')
    emulator.hide(id('b'), { ms: 2_000 })
    const reader = open()
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual(['a1'])
    emulator.hide(id('c'), { ms: 2_000 })
    emulator.show(id('b'))
    clock.jump(1)
    grow('b > e f')
    const written = write('e')
    const next = open()
    await move(next, JSON.stringify(reader.token))
    expect(await drainForLong(next)).toEqual(written)
  })

  it('a loaded token does not treat a grandparent as unread while the parent in between is not listed', async () => {
    const { emulator, id, open, move, drain, drainForLong, write, grow } = shardPicture('a')
    write('a')
    grow('a > b > c')
    const reader = open()
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual(['a1'])
    emulator.hide(id('b'), { ms: 2_000 })
    const next = open()
    await move(next, JSON.stringify(reader.token))
    expect(await drainForLong(next)).toEqual([])
  })
})

it('a token with 250,000 shards, which is the limit, can be loaded', { timeout: 300_000 }, async () => {
  const { open, move } = shardPicture('a')
  const reader = open()
  const shards = Array.from({ length: 250_000 }, (_, n) => ({
    shardId: `shardId-${String(1_767_225_600_000 + n).padStart(20, '0')}-abcdef01`,
    at: 'start' as const,
  }))
  await move(reader, { version: 1, streamArn: reader.streamArn, shards })
  expect(reader.token.shards.length).toBe(250_000 + 1)
})
