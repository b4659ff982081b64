import { describe, expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

describe('moveTo()', () => {
  it.each(['DescribeStream', 'GetShardIterator'] as const)(
    'a moveTo() that fails at %s keeps the previous position, its buffer and its token',
    async (call) => {
      const { emulator, clock, open, move, drain, write } = shardPicture('a b')
      const written = write('a a b b')
      const reader = open({ pageSize: 1 })
      await move(reader, 'trim_horizon')
      await clock.run(reader.next())
      const token = reader.token
      emulator.on(call, {}, { fail: 'AccessDeniedException' })
      await expect(move(reader, 'latest')).rejects.toMatchObject({ name: 'AccessDeniedException' })
      expect(reader.token).toEqual(token)
      expect(['a1', ...(await drain(reader))].sort()).toEqual(written)
    },
  )

  it('moveTo() discards the records of the previous position, however late its responses arrive', async () => {
    const { emulator, clock, open, move, drain, write } = shardPicture('a b')
    write('a a b b')
    const reader = open({ pageSize: 1 })
    await move(reader, 'trim_horizon')
    emulator.on('GetRecords', { times: 4 }, { delayMs: 5_000 })
    emulator.on('GetShardIterator', { times: 2 }, { delayMs: 1_000 })
    const waiting = reader.next()
    await clock.advance(1_500)
    await clock.advance(2_000)
    const moving = reader.moveTo('latest')
    await clock.run(moving)
    const written = write('a b')
    const delivered = [await clock.run(waiting)].filter((record) => record !== undefined).length
    expect(delivered).toBe(1)
    const rest = await drain(reader)
    await clock.advance(20_000)
    expect([...rest, ...(await drain(reader))]).toEqual(written.slice(1))
  })

  it('two concurrent moveTo() calls end at the position that was requested last', async () => {
    const { emulator, clock, open, drain, write } = shardPicture('a')
    write('a a')
    await clock.advance(5_000)
    const reader = open()
    emulator.on('DescribeStream', {}, { delayMs: 3_000 })
    const moves = Promise.all([reader.moveTo('trim_horizon'), reader.moveTo('latest')])
    await clock.run(moves)
    expect(await drain(reader)).toEqual([])
    expect(reader.token.shards.map(({ at }) => Object.keys(at))).toEqual([['since']])
  })

  it('no event is emitted for the previous position after moveTo()', async () => {
    const { emulator, clock, open, move, drain, write } = shardPicture('a')
    write('a')
    const reader = open()
    await move(reader, 'trim_horizon')
    emulator.on('GetRecords', { times: 3 }, { delayMs: 3_000, fail: 'ThrottlingException' })
    const waiting = reader.next()
    await clock.advance(10)
    await move(reader, 'latest')
    const events: string[] = []
    reader.on('retry', () => events.push('retry'))
    reader.on('gap', () => events.push('gap'))
    await clock.run(waiting)
    await drain(reader)
    await clock.advance(30_000)
    expect(events.filter((name) => name === 'gap')).toEqual([])
    expect(
      emulator.log.filter(({ op, error }) => op === 'GetRecords' && error !== undefined).length - 1,
    ).toBe(events.length)
  })
})

it('reading from latest delivers no older record after a reload, even from a child that is listed only after the token was saved', async () => {
  const { emulator, id, clock, open, move, drainForLong, write } = shardPicture('a > b c')
  write('b c')
  await clock.advance(30_000)
  emulator.hide(id('c'))
  const first = open()
  await move(first, 'latest')
  const token = JSON.stringify(first.token)
  emulator.show(id('c'))
  const written = write('b c')
  expect((await drainForLong(first)).sort()).toEqual(written)
  const second = open()
  await move(second, token)
  expect((await drainForLong(second)).sort()).toEqual(written)
})

it('a moveTo() that resolved stays in effect although a later one fails', async () => {
  for (const failsAfterMs of [0, 2_000]) {
    const { emulator, clock, open, move, drain, write } = shardPicture('a')
    const written = write('a a a')
    const reader = open()
    await move(reader, 'latest')
    emulator.on('DescribeStream', { nth: 2 }, { delayMs: failsAfterMs, fail: 'AccessDeniedException' })
    const moves = [reader.moveTo('trim_horizon'), reader.moveTo('latest')]
    const [first, second] = await clock.run(Promise.allSettled(moves))
    expect([first?.status, second?.status]).toEqual(['fulfilled', 'rejected'])
    expect(await drain(reader)).toEqual(written)
  }
})

it('a slow moveTo() does not undo a faster one that was called after it', async () => {
  const { emulator, clock, open, move, drain, write } = shardPicture('a')
  write('a a a')
  await clock.advance(5_000)
  const reader = open()
  await move(reader, 'trim_horizon')
  emulator.on('DescribeStream', {}, { delayMs: 5_000 })
  const slow = reader.moveTo('trim_horizon')
  await move(reader, 'latest')
  await clock.run(slow)
  const written = write('a')
  expect(await drain(reader)).toEqual(written)
})
