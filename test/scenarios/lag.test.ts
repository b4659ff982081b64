import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain } from '../support/read.ts'
import { streamFixture } from '../support/stream-fixture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALWAYS = { times: Number.POSITIVE_INFINITY }

it('lag() grows while a consumer that had caught up does not call next() for 20 hours', async () => {
  const { clock, open, write } = emulatedTable({ shards: 2 })
  write(1)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  expect(coordinator.lag().millisBehindLatest).toBe(0)
  write(4)
  await clock.advance(20 * HOUR)
  const { millisBehindLatest, retentionHeadroomMs } = coordinator.lag()
  // At least the absence, and at most the time since the last poll before it.
  expect(millisBehindLatest).toBeGreaterThanOrEqual(20 * HOUR)
  expect(millisBehindLatest).toBeLessThan(20 * HOUR + 10_000)
  expect(retentionHeadroomMs).toBe(24 * HOUR - millisBehindLatest)
  await drain(coordinator, clock)
  expect(coordinator.lag().millisBehindLatest).toBe(0)
})

it('lag() of a stream includes the record that the loop has been processing for eight minutes', async () => {
  const fixture = streamFixture({ shards: 2 })
  const { clock } = fixture
  const stream = await fixture.start()
  const records = stream[Symbol.asyncIterator]()
  const pending = records.next()
  await clock.advance(2_000)
  fixture.write(1)
  await clock.run(pending)
  for (let minute = 1; minute <= 8; minute++) {
    await clock.advance(MINUTE)
    expect(stream.lag().millisBehindLatest).toBeGreaterThanOrEqual(minute * MINUTE)
  }
  const next = records.next()
  await clock.advance(5_000)
  expect(stream.lag().millisBehindLatest).toBe(0)
  await clock.run(stream.close())
  await clock.run(next)
})

it('lag() of a shard is measured from its oldest record that was delivered but not acknowledged', async () => {
  const fixture = streamFixture({ shards: 2 })
  const { clock, emulator } = fixture
  const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  fixture.write(2, a)
  await clock.advance(10_000)
  fixture.write(2, b)
  await clock.advance(10_000)
  const stream = await fixture.start()
  await fixture.take(stream.batches({ maxRecords: 4, maxWaitMs: 1_000 }), 4)
  const records = stream.batches({ maxRecords: 3 })
  await clock.run(records.next())
  const behind = Object.fromEntries(
    stream.lag().shards.map(({ shardId, millisBehindLatest }) => [shardId, millisBehindLatest]),
  )
  expect(behind[a]).toBeGreaterThanOrEqual(20_000)
  expect(behind[b]).toBeGreaterThanOrEqual(10_000)
  expect(behind[b]).toBeLessThan(20_000)
  await clock.run(stream.close())
})

it('lag() is not 0 while a shard fails, even if the shard was at the tip before', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  const [failing] = emulator.openShards
  emulator.on('GetRecords', { shard: failing as never, ...ALWAYS }, { fail: 'ThrottlingException' })
  write(4)
  const drained = drain(coordinator, clock)
  await clock.advance(2_000)
  expect(coordinator.lag().millisBehindLatest).toBeGreaterThan(0)
  await drained
  const until = clock.monotonic() + 3 * MINUTE
  while (clock.monotonic() < until) {
    await drain(coordinator, clock)
    await clock.advance(1_000)
  }
  expect(coordinator.lag().millisBehindLatest).toBeGreaterThanOrEqual(2 * MINUTE)
  expect(coordinator.lag().millisBehindLatest).toBeLessThan(5 * MINUTE)
})

it('lag() is measured with the clock of the service', async () => {
  for (const hours of [-8, 8]) {
    const { clock, open, write } = emulatedTable({ behavior: { clockSkewMs: hours * HOUR } })
    write(3)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    await clock.run(coordinator.next())
    await clock.advance(10 * MINUTE)
    const { millisBehindLatest } = coordinator.lag()
    expect(millisBehindLatest).toBeGreaterThanOrEqual(10 * MINUTE)
    expect(millisBehindLatest).toBeLessThan(10 * MINUTE + 5_000)
  }
})

it('lag() returns whole milliseconds, rounded up', async () => {
  const { clock, open, write } = emulatedTable()
  write(1)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await clock.run(coordinator.next())
  const before = coordinator.lag().millisBehindLatest
  await clock.advance(MINUTE + 0.25)
  const { millisBehindLatest, retentionHeadroomMs, shards } = coordinator.lag()
  expect(millisBehindLatest).toBe(before + MINUTE + 1)
  expect(retentionHeadroomMs).toBe(24 * HOUR - millisBehindLatest)
  expect(shards).toMatchObject([{ millisBehindLatest }])
})
