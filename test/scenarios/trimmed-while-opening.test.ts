import { expect, it } from 'vitest'
import { collectEvents, type EmulatedTable, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { readFor } from '../support/read-for.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Waits an hour, then writes a record per second for 20 minutes. They are trimmed one by one a day later. */
async function writeEachSecond(
  { clock, write }: Pick<EmulatedTable, 'clock' | 'write'>,
  shardId: string,
): Promise<number[]> {
  await clock.advance(HOUR)
  const written: number[] = []
  for (let second = 0; second < 1_200; second++) {
    written.push(...write(1, shardId))
    await clock.advance(1_000)
  }
  return written
}

it('the retained records of a closed shard are delivered although its oldest one is trimmed before each read that is not throttled', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const shardId = emulator.openShards[0]?.shardId as string
  const written = await writeEachSecond({ clock, write }, shardId)
  emulator.roll(shardId)
  await clock.advance(23 * HOUR + 40 * MINUTE)
  let reads = 0
  let isThrottled = true
  emulator.on('GetRecords', { shard: shardId, times: Number.POSITIVE_INFINITY }, () =>
    isThrottled && reads++ % 6 !== 5 ? { fail: 'ThrottlingException' } : undefined,
  )
  clock.setTimer(20_000, () => {
    isThrottled = false
  })
  const coordinator = open({ onGap: 'continue' })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const seen = await readFor(coordinator, clock, 2 * MINUTE)
  expect(seen.length).toBeGreaterThan(1_000)
  expect(seen).toEqual(written.slice(-seen.length))
})

it('next() does not return undefined when the oldest record of an open shard is trimmed just before it is read', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(1)
  await clock.advance(24 * HOUR - 1_000)
  const retained = write(3)
  emulator.on('GetShardIterator', {}, { delayMs: 2_000 })
  const coordinator = open()
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock))).toEqual(retained)
  expect(gaps).toEqual([])
})

it.each([2, 3])(
  'next() resolves within two minutes although only one in %i calls to a fully trimmed shard is not throttled',
  async (nth) => {
    const { clock, emulator, open, write } = emulatedTable({ profile: 'local', shards: 2 })
    const [trimmed, other] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
    write(1, trimmed)
    await clock.advance(25 * HOUR)
    const [written] = write(1, other)
    let calls = 0
    emulator.on('GetRecords', { shard: trimmed, times: Number.POSITIVE_INFINITY }, () =>
      ++calls % nth === 0 ? undefined : { fail: 'ThrottlingException' },
    )
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const seen: unknown[] = []
    void coordinator.next().then((record) => seen.push(record?.newImage?.n))
    await clock.advance(2 * MINUTE)
    expect(seen).toEqual([written])
  },
)

it('a closed shard is not finished at its first rejected read even if many reads were rejected while it was open', async () => {
  const { clock, emulator, open, write } = emulatedTable({ profile: 'local' })
  write(1)
  await clock.advance(25 * HOUR)
  const coordinator = open({ onGap: 'continue' })
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  await readFor(coordinator, clock, 10_000)
  await clock.advance(HOUR)
  write(1)
  await clock.advance(24 * HOUR - 1_000)
  const retained = write(3)
  emulator.roll()
  retained.push(...write(2))
  // The first of the records is trimmed while the shard is being opened.
  emulator.on('GetShardIterator', {}, { delayMs: 2_000 })
  expect(await readFor(coordinator, clock, MINUTE)).toEqual(retained)
  expect(gaps).toEqual([])
})

it.each(['a closed', 'an open'])(
  'next() resolves within two minutes although the iterators of %s shard are trimmed while they cross empty pages',
  async (kind) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
    const [shard, other] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
    await writeEachSecond({ clock, write }, shard)
    if (kind === 'a closed') emulator.roll(shard)
    await clock.advance(23 * HOUR + 40 * MINUTE)
    const [written] = write(1, other)
    emulator.on('GetShardIterator', { shard, times: Number.POSITIVE_INFINITY }, { emptyPagesAtStart: 5 })
    emulator.on('GetRecords', { shard, times: Number.POSITIVE_INFINITY }, { delayMs: 300 })
    const coordinator = open({ onGap: 'continue' })
    await clock.run(coordinator.moveTo('trim_horizon'))
    const seen: unknown[] = []
    void coordinator.next().then((record) => seen.push(record?.newImage?.n))
    await clock.advance(2 * MINUTE)
    expect(seen).toEqual([written])
  },
)

it('next() waits for the child of a stalled closed shard with no retained records once that shard responds again', async () => {
  const { clock, emulator, open, write } = emulatedTable({ profile: 'local' })
  const parent = emulator.openShards[0]?.shardId as string
  write(1, parent)
  await clock.advance(25 * HOUR)
  emulator.roll(parent)
  const written = write(1)
  let isThrottled = true
  emulator.on('GetRecords', { shard: parent, times: Number.POSITIVE_INFINITY }, () =>
    isThrottled ? { fail: 'ThrottlingException' } : undefined,
  )
  const coordinator = open()
  const stalled = collectEvents(coordinator, 'shardStalled')
  const rejections = () => emulator.log.filter(({ error }) => error === 'TrimmedDataAccessException').length
  await clock.run(coordinator.moveTo('trim_horizon'))
  while (stalled.length === 0) {
    expect(await drain(coordinator, clock)).toEqual([])
    await clock.advance(100)
  }
  isThrottled = false
  const seen: number[] = []
  // The second rejection is that of an iterator that the read itself opened.
  while (rejections() < 2) {
    seen.push(...numbersOf(await drain(coordinator, clock)))
    await clock.advance(100)
  }
  seen.push(...numbersOf(await drain(coordinator, clock)))
  expect(seen).toEqual(written)
})

it('a closed trimmed shard that responds between two throttled calls a minute apart is not stalled', async () => {
  const { clock, emulator, open, write } = emulatedTable({ profile: 'local' })
  const parent = emulator.openShards[0]?.shardId as string
  write(1, parent)
  await clock.advance(25 * HOUR)
  emulator.roll(parent)
  const [written] = write(1)
  let calls = 0
  emulator.on('GetRecords', { shard: parent, times: Number.POSITIVE_INFINITY }, () => {
    calls++
    return { delayMs: 25_000, ...((calls === 1 || calls === 5) && { fail: 'ThrottlingException' }) }
  })
  const coordinator = open()
  const stalled = collectEvents(coordinator, 'shardStalled')
  await clock.run(coordinator.moveTo('trim_horizon'))
  const seen: unknown[] = []
  void coordinator.next().then((record) => seen.push(record?.newImage?.n))
  await clock.advance(5 * MINUTE)
  expect(seen).toEqual([written])
  expect(stalled).toEqual([])
})

it('no gap is reported for records from before the requested Date that are trimmed while they are skipped', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(3)
  await clock.advance(12 * HOUR)
  const coordinator = open({ pageSize: 1 })
  const gaps = collectEvents(coordinator, 'gap')
  let isThrottled = true
  emulator.on('GetRecords', { nth: 2, times: Number.POSITIVE_INFINITY }, () =>
    isThrottled ? { fail: 'ThrottlingException' } : undefined,
  )
  await clock.run(coordinator.moveTo(new Date(clock.now())))
  const seen: unknown[] = []
  void coordinator.next().then((record) => seen.push(record?.newImage?.n))
  await clock.advance(5_000)
  const written = write(2)
  clock.suspend(23 * HOUR)
  isThrottled = false
  seen.push(...(await readFor(coordinator, clock, 10_000)))
  expect(seen).toEqual(written)
  expect(gaps).toEqual([])
})

it('an open shard is not considered empty after one rejected read of an old iterator and one of a new iterator', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(1)
  await clock.advance(1_000)
  write(1)
  await clock.advance(24 * HOUR - 2_000)
  const retained = write(3)
  // The record at the first iterator is trimmed while that iterator crosses an empty page, the record at the
  // second one before its first use.
  emulator.on('GetShardIterator', { nth: 1 }, { emptyPagesAtStart: 1 })
  emulator.on('GetRecords', { nth: 1 }, { delayMs: 1_200 })
  emulator.on('GetShardIterator', { nth: 2 }, { delayMs: 2_000 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock))).toEqual(retained)
})
