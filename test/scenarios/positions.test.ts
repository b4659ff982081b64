import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/testing/index.ts'
import { shardPicture } from '../support/shard-picture.ts'

describe('a Date in the current second', () => {
  it('reading from a Date in the current second loses no record that is written while the shards are listed', async () => {
    const { clock, emulator, open, move, drainForLong, write } = shardPicture('a b', {
      behavior: { shardsPerPage: 1 },
    })
    await clock.advance(2_300)
    const reader = open()
    const written: string[] = []
    emulator.on('DescribeStream', { nth: 2 }, { delayMs: 2_000 })
    clock.setTimer(1_000, () => written.push(...write('a b')))
    await move(reader, new Date(clock.now()))
    expect((await drainForLong(reader)).toSorted()).toEqual(written)
  })
})

describe('latest', () => {
  it('reading from latest delivers no older record of a shard whose parent is listed only after one of its siblings was skipped', async () => {
    const { emulator, id, clock, open, move, drainForLong, write, grow } = shardPicture('a > b c')
    grow('b > d e')
    write('d')
    grow('e > f')
    await clock.advance(5_000)
    emulator.hide(id('b'), { calls: 1 })
    emulator.hide(id('d'), { calls: 1 })
    emulator.hide(id('f'), { calls: 1 })
    const reader = open()
    await move(reader, 'latest')
    const written = write('c')
    expect(await drainForLong(reader)).toEqual(written)
  })

  it('reading from latest delivers nothing from a shard that appears open although its grandchild is read', async () => {
    const { emulator, id, open, move, drainForLong, write, grow } = shardPicture('a')
    write('a')
    grow('a > b > c')
    write('c')
    emulator.showOpen(id('a'), { calls: 1 })
    const first = open()
    await move(first, 'latest')
    const reader = open()
    await move(reader, JSON.stringify(first.token))
    expect(await drainForLong(reader)).not.toContain('a1')
  })

  it('reading from latest delivers nothing from a closed shard after its descendants when a token is loaded and the shard in between was hidden', async () => {
    const { emulator, id, open, move, drainForLong, write, grow } = shardPicture('a')
    write('a')
    grow('a > b c')
    grow('b > d e')
    emulator.hide(id('b'), { ms: 100 })
    emulator.hide(id('c'), { ms: 100 })
    const first = open()
    await move(first, 'latest')
    const written = write('d')
    const token = JSON.stringify(first.token)
    emulator.show(id('b'))
    emulator.show(id('c'))
    const reader = open()
    await move(reader, token)
    const delivered = await drainForLong(reader)
    expect(delivered.filter((name) => name !== 'a1')).toEqual(written)
    expect(delivered.at(-1)).not.toBe('a1')
  })

  it('reading from latest delivers nothing from a closed shard once a record of its descendants was delivered, though the shard in between was hidden', async () => {
    const { emulator, id, open, move, drain, drainForLong, write, grow } = shardPicture('a')
    write('a')
    grow('a > b c')
    grow('b > d e')
    emulator.hide(id('b'), { ms: 60_000 })
    emulator.hide(id('c'), { ms: 60_000 })
    const first = open()
    await move(first, 'latest')
    const written = write('d')
    expect(await drain(first)).toEqual(written)
    const token = JSON.stringify(first.token)
    emulator.show(id('b'))
    emulator.show(id('c'))
    const reader = open()
    await move(reader, token)
    expect(await drainForLong(reader)).toEqual([])
  })

  it('reading from latest starts with the second in which moveTo() was called, however long the listing takes', async () => {
    const { clock, emulator, id, open, move, drain } = shardPicture('a')
    emulator.on('DescribeStream', {}, { delayMs: 3_000 })
    const reader = open()
    const calledAt = clock.now()
    await move(reader, 'latest')
    // Dated by a machine whose clock is behind that of the machine that listed the shards.
    emulator.put({ id: emulator.keyForShard(id('a')), n: 1 }, { createdAt: calledAt + 1_000 })
    expect(await drain(reader)).toEqual(['a1'])
  })

  it('reading from latest delivers nothing from a shard after its grandchild when the listing shows it as open and omits the one in between', async () => {
    const { emulator, id, open, move, drainForLong, write, grow } = shardPicture('a')
    write('a')
    emulator.showOpen(id('a'), { ms: 100 })
    grow('a > b c')
    grow('b > d e')
    emulator.hide(id('b'), { ms: 1_000 })
    emulator.hide(id('c'), { ms: 1_000 })
    const reader = open()
    await move(reader, 'latest')
    const [written] = write('d')
    expect((await drainForLong(reader)).at(-1)).toEqual(written)
  })

  it('reading from latest delivers no older record from a sibling of a parent when several hidden generations are listed at once', async () => {
    const { clock, emulator, id, open, move, drainForLong, write, grow } = shardPicture('a > b c', {
      behavior: { listingOrder: 'reversed' },
    })
    write('c')
    await clock.advance(1_000)
    grow('b > d e')
    await clock.advance(4_000)
    for (const letter of ['a', 'b', 'c']) emulator.hide(id(letter), { calls: 1 })
    const reader = open()
    await move(reader, 'latest')
    const written = write('c')
    expect(await drainForLong(reader)).toEqual(written)
  })
})

it('reading from latest delivers a record written after the call by a service machine whose clock is slightly behind', async () => {
  for (const behindMs of [1, 10, 90]) {
    // A few milliseconds into a second: the service truncates its time to the second.
    const clock = new ManualClock(Date.UTC(2026, 0, 1) + 10_005)
    const { emulator, id, open, move, drain, write } = shardPicture('a', { clock })
    const reader = open()
    await move(reader, 'latest')
    emulator.put({ id: emulator.keyForShard(id('a')), n: 1 }, { createdAt: clock.now() - behindMs })
    await clock.advance(2_000)
    write('a')
    expect(await drain(reader)).toEqual(['a1', 'a2'])
  }
})

it('reading from latest delivers no record from the second before the call although its iterators point before it', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1) + 10_005)
  const { open, move, drain, write } = shardPicture('a', { clock, behavior: { latestOffset: 3 } })
  write('a a a')
  await clock.advance(2_000)
  const reader = open()
  await move(reader, 'latest')
  const written = write('a')
  expect(await drain(reader)).toEqual(written)
})

it('reading from a Date that is reached while the iterators are being opened delivers all records from then on and no older ones', async () => {
  const { clock, emulator, open, drain, write } = shardPicture('a')
  write('a')
  const since = new Date(clock.now() + 10_000)
  emulator.on('GetShardIterator', {}, { delayMs: 25_000 })
  const reader = open()
  const moving = reader.moveTo(since)
  await clock.advance(5_000)
  write('a a')
  await clock.advance(10_000)
  const written = write('a a')
  await clock.run(moving)
  written.push(...write('a'))
  expect(await drain(reader)).toEqual(written)
})
