import { describe, expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

const timestamps = (records: readonly { createdAt: Date }[]) =>
  records.map(({ createdAt }) => createdAt.getTime())

describe('a replay', () => {
  it('a replay is in timestamp order across all shards, whichever of them responds late', async () => {
    for (const slow of ['a', 'b', 'c']) {
      const { emulator, id, clock, open, move, drain, write } = shardPicture('a b c')
      const written: string[] = []
      for (const letter of 'abcbcacabacb') {
        written.push(...write(letter))
        await clock.advance(1_000)
      }
      emulator.on('GetRecords', { shard: id(slow), times: 20 }, { delayMs: 700 })
      const reader = open({ pageSize: 1 })
      await move(reader, 'trim_horizon')
      expect(await drain(reader)).toEqual(written)
    }
  })

  it('a replay waits for a shard that is throttled for half a minute', async () => {
    const { emulator, id, clock, open, move, drain, write } = shardPicture('a b')
    const written: string[] = []
    for (const letter of 'abababab') {
      written.push(...write(letter))
      await clock.advance(1_000)
    }
    let failing = true
    emulator.on('GetRecords', { shard: id('a'), nth: 2, times: 1_000 }, () =>
      failing ? { fail: 'ThrottlingException' } : undefined,
    )
    clock.setTimer(30_000, () => {
      failing = false
    })
    const reader = open({ pageSize: 1 })
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual(written)
  })

  it('a replay waits for the children of a shard that closed after the shards were listed', async () => {
    const { clock, open, move, drain, write, grow } = shardPicture('a b')
    const reader = open()
    await move(reader, 'trim_horizon')
    const written = write('a b')
    grow('a > c d')
    for (const letter of 'cdb') {
      await clock.advance(1_000)
      written.push(...write(letter))
    }
    expect(await drain(reader)).toEqual(written)
  })

  it('a replay waits for the children of a closed shard that DynamoDB Local refuses to read because its records are all trimmed', async () => {
    const { clock, open, move, drain, write, grow } = shardPicture('a b', { profile: 'local' })
    write('b')
    await clock.advance(12 * 3_600_000)
    grow('a > c, b > d')
    const written = write('d')
    await clock.advance(120_000)
    written.push(...write('c'))
    await clock.advance(12 * 3_600_000)
    const reader = open()
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual(written)
  })

  it('a replay keeps the order of a shard whose timestamps decrease and does not delay other shards because of it', async () => {
    const { emulator, id, clock, open, move, write } = shardPicture('a b')
    const start = clock.now()
    const put = (letter: string, n: number, second: number) =>
      emulator.put({ id: emulator.keyForShard(id(letter)), n }, { createdAt: start + second * 1_000 })
    put('a', 0, 10)
    put('a', 1, 4)
    put('a', 2, 20)
    put('b', 3, 5)
    put('b', 4, 12)
    await clock.advance(30_000)
    const reader = open()
    await move(reader, 'trim_horizon')
    const delivered: unknown[] = []
    for (let record = await clock.run(reader.next()); record; record = await clock.run(reader.next()))
      delivered.push(record.newImage?.n)
    expect(delivered).toEqual([3, 0, 1, 4, 2])
    expect(write('a').length).toBe(1)
  })

  it('a replay does not wait for shards that have no records', async () => {
    const { clock, open, move, write } = shardPicture('a b c d')
    const written = []
    for (const letter of 'aabb') {
      written.push(...write(letter))
      await clock.advance(1_000)
    }
    const reader = open()
    await move(reader, 'trim_horizon')
    const records = []
    for (let record = await clock.run(reader.next()); record; record = await clock.run(reader.next()))
      records.push(record)
    expect(records.length).toBe(written.length)
    expect(timestamps(records)).toEqual([...timestamps(records)].sort((a, b) => a - b))
  })
})

it.each([0, 100, 3_000])(
  'the backlog of a child created while the consumer was away is merged in timestamp order (DescribeStream takes %i ms)',
  async (delayMs) => {
    const { emulator, clock, open, move, drain, drainForLong, write, grow } = shardPicture('a b')
    const times = Number.POSITIVE_INFINITY
    emulator.on('DescribeStream', { times }, { delayMs })
    emulator.on('GetRecords', { times }, { delayMs: 20 })
    emulator.on('GetShardIterator', { times }, { delayMs: 20 })
    const reader = open()
    await move(reader, 'trim_horizon')
    write('a')
    await drain(reader)
    grow('a > c d')
    const written: string[] = []
    for (let minute = 0; minute < 10; minute++) {
      for (const letter of 'cbdb') {
        written.push(...write(letter))
        await clock.advance(20_000)
      }
    }
    expect(await drainForLong(reader)).toEqual(written)
  },
)

it.each([20, 3_000])(
  'the backlog of a child is merged in timestamp order after a token is loaded (DescribeStream takes %i ms)',
  async (delayMs) => {
    const { emulator, clock, open, move, drain, drainForLong, write, grow } = shardPicture('a b')
    const first = open()
    await move(first, 'trim_horizon')
    write('a b')
    await drain(first)
    const token = JSON.stringify(first.token)
    grow('a > c')
    grow('c > d')
    const later: string[] = []
    for (const letter of 'dbdbdb') {
      later.push(...write(letter))
      await clock.advance(30_000)
    }
    emulator.on('*', { times: Number.POSITIVE_INFINITY }, { delayMs })
    const second = open()
    await move(second, token)
    expect(await drainForLong(second)).toEqual(later)
  },
)

it('every replay delivers records of the same second in the order in which their shards were first listed', async () => {
  const { clock, id, open, move, drain, write } = shardPicture('a b c d e f')
  // Listings are sorted by id.
  const letters = 'abcdef'.split('').sort((x, y) => (id(x) < id(y) ? -1 : 1))
  const written = letters.flatMap((letter) => [`${letter}1`, `${letter}2`, `${letter}3`])
  for (let times = 0; times < 3; times++) write('a b c d e f')
  await clock.advance(2_000)
  for (const pageSize of [1, 2, 1000]) {
    const reader = open({ pageSize })
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual(written)
  }
})

it('a replay waits for a closed shard that has twenty empty pages before its records', async () => {
  const { emulator, id, clock, open, move, drain, write } = shardPicture('a b')
  const written = write('a')
  emulator.closeShard(id('a'))
  await clock.advance(10_000)
  written.push(...write('b'))
  emulator.setBehavior({ emptyPagesAtStart: 20 })
  emulator.on('GetShardIterator', { shard: id('b'), times: 9 }, { emptyPagesAtStart: 0 })
  const reader = open()
  await move(reader, 'trim_horizon')
  expect(await drain(reader)).toEqual(written)
})
