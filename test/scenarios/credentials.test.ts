import { expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'

const HOUR = 3_600_000
const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each(['ExpiredTokenException', 'AccessDeniedException', 'UnrecognizedClientException'])(
  'a gap is reported although the first attempt to open the trimmed position threw %s',
  async (fail) => {
    const { clock, emulator, open, write } = emulatedTable()
    const first = open()
    await clock.run(first.moveTo('trim_horizon'))
    const token = JSON.stringify(first.token)
    for (let hour = 0; hour < 30; hour++) {
      write(1)
      await clock.advance(HOUR)
    }
    const coordinator = open({ onGap: 'continue' })
    const gaps = collectEvents(coordinator, 'gap')
    await clock.run(coordinator.moveTo(token))
    let isDenied = true
    emulator.on('GetShardIterator', ALWAYS, () => (isDenied ? { fail } : undefined))
    await expect(clock.run(coordinator.next())).rejects.toMatchObject({ name: fail })
    isDenied = false
    const seen = numbersOf(await drain(coordinator, clock))
    expect(seen[0]).toBeGreaterThan(0)
    expect(seen.at(-1)).toBe(29)
    expect(gaps).toMatchObject([{ reason: 'position-trimmed' }])
  },
)

it('a shard is read from its oldest record when the service rejects the first sequence number of its own listing', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const first = open()
  await clock.run(first.moveTo('trim_horizon'))
  const token = JSON.stringify(first.token)
  await clock.advance(23 * HOUR)
  const written = write(2)
  await clock.advance(2 * HOUR)
  const coordinator = open()
  await clock.run(coordinator.moveTo(token))
  let rejected = 0
  emulator.on('GetShardIterator', ALWAYS, () =>
    ++rejected === 1 ? { fail: 'ValidationException' } : undefined,
  )
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  expect(rejected).toBe(2)
})

it('DescribeStream is not called again after it was denied until the consumer calls next()', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(1)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await clock.run(coordinator.next())
  let isDenied = true
  emulator.on('DescribeStream', ALWAYS, () => (isDenied ? { fail: 'AccessDeniedException' } : undefined))
  const calls = () => emulator.log.filter(({ op }) => op === 'DescribeStream').length
  emulator.split()
  const written = write(4)
  await expect(drain(coordinator, clock)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  const before = calls()
  await clock.advance(24 * 60_000)
  expect(calls()).toBe(before)
  // Each call of next() retries once.
  await expect(drain(coordinator, clock)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  expect(calls()).toBeLessThanOrEqual(before + 2)
  isDenied = false
  expect(numbersOf(await drain(coordinator, clock)).sort()).toEqual(written)
})

it('a denied listing is retried at most once per call of next() by a consumer that calls it twice a second', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(1)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  emulator.on('DescribeStream', ALWAYS, { fail: 'AccessDeniedException' })
  await clock.advance(600_000)
  const calls = () => emulator.log.filter(({ op }) => op === 'DescribeStream').length
  const before = calls()
  for (let times = 0; times < 20; times++) {
    await clock.run(coordinator.next().catch(() => {}))
    await clock.advance(500)
  }
  expect(calls() - before).toBeLessThanOrEqual(20)
})

it('credentials that expire while eight shards are read fail one call of next(), and no call after they are renewed', async () => {
  const { clock, emulator, open } = emulatedTable({ shards: 8 })
  emulator.openShards.forEach((shard, n) => {
    emulator.put({ id: emulator.keyForShard(shard), n })
  })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  let hasExpired = true
  let nth = 0
  emulator.on('GetRecords', ALWAYS, () =>
    hasExpired ? { fail: 'ExpiredTokenException', delayMs: 10 * ++nth } : undefined,
  )
  await expect(clock.run(coordinator.next())).rejects.toMatchObject({ name: 'ExpiredTokenException' })
  await clock.advance(1_000)
  hasExpired = false
  await clock.advance(HOUR)
  expect(numbersOf(await drain(coordinator, clock)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
})

it('CHILD_SHARDS is still used after one of its calls failed with expired credentials', async () => {
  const callsForFiveRolls = async (hasExpiredOnce: boolean) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 300 })
    const coordinator = open({ discoveryIntervalMs: HOUR })
    await clock.run(coordinator.moveTo('latest'))
    await drain(coordinator, clock)
    const roll = async () => {
      emulator.roll()
      for (let times = 0; times < 6; times++) await clock.run(coordinator.next()).catch(() => {})
      await clock.advance(5_000)
    }
    if (hasExpiredOnce) {
      emulator.on('DescribeStream', {}, { fail: 'ExpiredTokenException' })
      await roll()
    }
    const before = emulator.log.length
    for (let times = 0; times < 5; times++) await roll()
    const calls = emulator.log.slice(before).filter(({ op }) => op === 'DescribeStream').length
    const written = write(20)
    expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
    return calls
  }
  expect(await callsForFiveRolls(true)).toBe(await callsForFiveRolls(false))
})
