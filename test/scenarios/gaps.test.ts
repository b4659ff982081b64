import { describe, expect, it } from 'vitest'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { readFor } from '../support/read-for.ts'
import { shardPicture } from '../support/shard-picture.ts'

const HOUR = 3_600_000

describe('a gap', () => {
  it('no gap is reported for records trimmed before trim_horizon was requested when a token saved at once is loaded', async () => {
    const { clock, open, move, drain, write } = shardPicture('a')
    write('a')
    await clock.advance(25 * HOUR)
    const written = write('a')
    const reader = open()
    await move(reader, 'trim_horizon')
    const next = open()
    const gaps = collectEvents(next, 'gap')
    await move(next, JSON.stringify(reader.token))
    expect(await drain(next)).toEqual(written)
    expect(gaps).toEqual([])
  })

  it('no gap is reported for a shard that is on a later page of the listing than its child', async () => {
    const { clock, open, move, drainForLong, grow } = shardPicture('a', {
      behavior: { shardsPerPage: 1, listingOrder: 'reversed', retentionMs: 26 * HOUR },
    })
    const reader = open()
    const gaps = collectEvents(reader, 'gap')
    await move(reader, 'latest')
    await clock.advance(1_000)
    grow('a > b')
    await clock.advance(1_000)
    grow('b > c')
    await clock.advance(25 * HOUR)
    expect(await drainForLong(reader)).toEqual([])
    expect(gaps).toEqual([])
  })
})

it('a gap is reported for a child whose parent expired without a record when reading from trim_horizon', async () => {
  const { clock, open, move, drain, drainForLong, write, grow, id } = shardPicture('a')
  await clock.advance(30 * HOUR)
  const reader = open({ onGap: 'continue' })
  const gaps = collectEvents(reader, 'gap')
  await move(reader, 'trim_horizon')
  expect(await drain(reader)).toEqual([])
  grow('a > b')
  write('b b')
  await clock.advance(25 * HOUR)
  expect(await drainForLong(reader)).toEqual([])
  expect(gaps).toMatchObject([{ shardId: id('b'), reason: 'position-trimmed' }])
})

it('a gap is reported for a shard that was never listed, even with a token saved before any shard was listed', async () => {
  const { clock, emulator, open, move, drain, drainForLong, write, grow, id } = shardPicture('a')
  emulator.hide(id('a'), { ms: 10_000 })
  const before = open()
  await move(before, 'trim_horizon')
  const reader = open({ onGap: 'continue' })
  const gaps = collectEvents(reader, 'gap')
  await move(reader, JSON.stringify(before.token))
  expect(await drain(reader)).toEqual([])
  await clock.advance(2_000)
  write('a')
  grow('a > b')
  await clock.advance(30 * HOUR)
  expect(await drainForLong(reader)).toEqual([])
  expect(gaps).toMatchObject([{ shardId: id('a'), reason: 'shard-vanished' }])
})

it('a closed shard whose records are all trimmed does not delay its children on DynamoDB Local', async () => {
  const { clock, open, move, drainForLong, write, grow } = shardPicture('a', { profile: 'local' })
  write('a')
  await clock.advance(12 * HOUR)
  grow('a > b c')
  await clock.advance(12 * HOUR + 1_000)
  const written = write('b')
  const reader = open()
  await move(reader, 'trim_horizon')
  expect(await drainForLong(reader)).toEqual(written)
})

it('a gap is reported for a child whose records were trimmed before it was opened when reading from a Date', async () => {
  const { clock, open, move, drain, drainForLong, write, grow } = shardPicture('a')
  write('a')
  grow('a > b')
  const reader = open({ onGap: 'continue' })
  const gaps = collectEvents(reader, 'gap')
  await move(reader, new Date(clock.now()))
  expect(await drain(reader)).toEqual(['a1'])
  write('b b')
  await clock.advance(25 * HOUR)
  expect(await drainForLong(reader)).toEqual([])
  expect(gaps).toHaveLength(1)
})

it('a gap is reported for a shard that expired before it was ever listed once one of its children is listed', async () => {
  const { clock, emulator, id, open, move, drainForLong, write, grow } = shardPicture('a > d e')
  for (const letter of 'de') emulator.hide(id(letter), { ms: 1_000 })
  const reader = open({ onGap: 'continue' })
  const gaps = collectEvents(reader, 'gap')
  await move(reader, new Date(clock.now()))
  write('d')
  grow('d > f g')
  await clock.advance(30 * HOUR)
  expect(await drainForLong(reader)).toEqual([])
  expect(gaps).toContainEqual({ shardId: id('d'), after: undefined, reason: 'shard-vanished' })
})

it('a gap is reported for records written to a young empty shard and trimmed unread when reading from a Date', async () => {
  const { clock, open, move, drain, write } = shardPicture('a')
  const reader = open({ onGap: 'continue' })
  const gaps = collectEvents(reader, 'gap')
  await move(reader, new Date(clock.now()))
  expect(await drain(reader)).toEqual([])
  write('a')
  await clock.advance(30 * HOUR)
  expect(await drain(reader)).toEqual([])
  expect(gaps.map(({ reason }) => reason)).toEqual(['position-trimmed'])
})

it('a gap is reported before next() returns undefined, even for a shard whose last call failed before a pause of 30 hours', async () => {
  const { clock, emulator, id, open, move, drain, write } = shardPicture('a b')
  write('a')
  const reader = open({ onGap: 'continue' })
  const gaps = collectEvents(reader, 'gap')
  await move(reader, 'trim_horizon')
  await drain(reader)
  write('a b')
  emulator.on('GetRecords', { shard: id('a') }, { fail: 'ThrottlingException' })
  expect(await clock.run(reader.next())).toMatchObject({ shardId: id('b') })
  await clock.advance(30 * HOUR)
  expect(await drain(reader)).toEqual([])
  expect(gaps.map(({ shardId }) => shardId)).toEqual([id('a')])
})

describe('an open shard on DynamoDB Local whose records are all trimmed', () => {
  it('no gap is reported when DynamoDB Local rejects every position of an open shard whose trimmed records were all read', async () => {
    const { clock, open, move, drain, write } = shardPicture('a', { profile: 'local' })
    write('a a')
    const reader = open()
    const gaps = collectEvents(reader, 'gap')
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual(['a1', 'a2'])
    await clock.advance(25 * HOUR)
    expect(await drain(reader)).toEqual([])
    const written = write('a')
    await clock.advance(2_000)
    expect(await drain(reader)).toEqual(written)
    expect(gaps).toEqual([])
  })

  it('a gap is reported for trimmed unread records once DynamoDB Local accepts positions of their open shard again', async () => {
    const { clock, open, move, drain, write } = shardPicture('a', { profile: 'local' })
    write('a')
    const reader = open({ onGap: 'continue' })
    const gaps = collectEvents(reader, 'gap')
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual(['a1'])
    write('a')
    await clock.advance(25 * HOUR)
    expect(await drain(reader)).toEqual([])
    const written = write('a')
    await clock.advance(2_000)
    expect(await drain(reader)).toEqual(written)
    expect(gaps.map(({ reason }) => reason)).toEqual(['position-trimmed'])
  })
})

it('a shard that was created and expired after a token was saved is reported as a gap when the token is loaded', async () => {
  const { clock, emulator, id, open, move, drain, drainForLong, write, grow } = shardPicture('a')
  write('a')
  grow('a > b')
  emulator.hide(id('b'))
  const first = open()
  await move(first, 'trim_horizon')
  expect(await drain(first)).toEqual(['a1'])
  expect(first.token.shards.map(({ at }) => Object.keys(at))).toEqual([['end']])
  emulator.show(id('b'))
  write('b')
  await clock.advance(4 * HOUR)
  grow('b > c')
  await clock.advance(22 * HOUR)
  const written = write('c')
  await clock.advance(4 * HOUR)
  const second = open({ onGap: 'continue' })
  const gaps = collectEvents(second, 'gap')
  await move(second, JSON.stringify(first.token))
  expect(await drainForLong(second)).toEqual(written)
  expect(gaps).toEqual([{ shardId: id('b'), after: undefined, reason: 'shard-vanished' }])
})

it('no gap is reported at trim_horizon for expired shards that are still listed, even if their ids contain no time', async () => {
  const { clock, emulator, open, write } = emulatedTable({ behavior: { expiredShards: 'listed' } })
  for (let generation = 0; generation < 2; generation++) {
    write(1)
    emulator.roll()
  }
  await clock.advance(30 * HOUR)
  const written = write(1)
  // Shard ids that contain no time, as another service might create them.
  const withoutTime = (shardId: string) => shardId.replace('shardId-', 'shard-')
  const restored = (shardId: string) => shardId.replace('shard-', 'shardId-')
  const api: StreamsApi = {
    ...emulator.api,
    listShards: async (request, signal) => {
      const { childrenOf, exclusiveStartShardId: from } = request
      const page = await emulator.api.listShards(
        {
          ...request,
          childrenOf: childrenOf && restored(childrenOf),
          exclusiveStartShardId: from && restored(from),
        },
        signal,
      )
      const shards = page.shards.map((shard) => ({
        ...shard,
        shardId: withoutTime(shard.shardId),
        parentShardId: shard.parentShardId && withoutTime(shard.parentShardId),
      }))
      return { ...page, shards }
    },
    openIterator: (request, signal) =>
      emulator.api.openIterator({ ...request, shardId: restored(request.shardId) }, signal),
  }
  const reader = open({ client: api })
  const gaps = collectEvents(reader, 'gap')
  await clock.run(reader.moveTo('trim_horizon'))
  expect(await readFor(reader, clock, 60_000)).toEqual(written)
  expect(gaps).toEqual([])
})
