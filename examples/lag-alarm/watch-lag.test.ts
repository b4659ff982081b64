import { openStream, processStream, type RecordHandler } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { type LagAlarm, type LagLimits, watchLag } from './watch-lag.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const limits: LagLimits = { maxBehindMs: 5 * MINUTE, forMs: 2 * MINUTE, minHeadroomMs: 12 * HOUR }
const always = { times: Number.POSITIVE_INFINITY }

async function fixture(handler: RecordHandler) {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  const stream = await openStream({
    client: emulator.client(),
    streamArn: emulator.streamArn,
    idlePollMs: { min: 10_000, max: 10_000 },
    clock,
  })
  const run = processStream(stream, handler, { retry: { classify: () => 'wait' } })
  const alarms: LagAlarm[] = []
  watchLag({ stream, run, limits, notify: (alarm) => alarms.push(alarm), everyMs: MINUTE, clock })
  return {
    clock,
    emulator,
    run,
    stream,
    alarms,
    names: () => alarms.map(({ alarm, state, waitsFor }) => `${alarm} ${state}, ${waitsFor}`),
  }
}

test('a worker that keeps up raises no alarm, with and without traffic', async () => {
  const { clock, emulator, run, stream, alarms } = await fixture(() => {})
  for (let n = 0; n < 50; n++) {
    if (n % 10 < 5) emulator.put({ id: 'a', n })
    await clock.advance(2 * MINUTE)
  }
  expect(run.counters.handled).toBe(25)
  expect(alarms).toEqual([])
  await clock.run(stream.close())
})

test('a reader that is throttled for longer than the limit raises an alarm, which names the shard and clears itself', async () => {
  const { clock, emulator, stream, alarms, names } = await fixture(() => {})
  const shardId = emulator.openShards[0]?.shardId
  await clock.advance(MINUTE)
  const recover = emulator.on('GetRecords', always, { fail: 'ThrottlingException' })
  emulator.put({ id: 'a' })
  await clock.advance(6 * MINUTE)
  expect(names()).toEqual([]) // It is behind, but not for 2 minutes.
  await clock.advance(3 * MINUTE)
  expect(names()).toEqual(['behind raised, reader'])
  expect(alarms[0]).toMatchObject({ shardId })
  recover()
  await clock.advance(5 * MINUTE)
  expect(names()).toEqual(['behind raised, reader', 'behind cleared, handler'])
  expect(alarms[1]).toMatchObject({ millisBehindLatest: 0, retentionHeadroomMs: 24 * HOUR })
  await clock.run(stream.close())
})

test('a single blocked item raises both alarms in turn, although all other items are up to date', async () => {
  let isFixed = false
  const { clock, emulator, run, stream, alarms, names } = await fixture(({ keys }) => {
    if (keys.id === 'blocked' && !isFixed) throw new Error('The handler has failed.')
  })
  emulator.put({ id: 'blocked' })
  for (let hour = 1; hour <= 11; hour++) {
    emulator.put({ id: 'other', hour })
    await clock.advance(HOUR)
  }
  expect(run.counters.handled).toBe(11)
  expect(names()).toEqual(['behind raised, handler'])
  await clock.advance(2 * HOUR)
  expect(names()).toEqual(['behind raised, handler', 'retention raised, handler'])
  expect(alarms[1]?.retentionHeadroomMs).toBeLessThan(12 * HOUR)
  expect(alarms[1]?.retentionHeadroomMs).toBeGreaterThan(11 * HOUR)
  isFixed = true
  await clock.advance(5 * MINUTE)
  expect(names().slice(2)).toEqual(['behind cleared, handler', 'retention cleared, handler'])
  await clock.run(stream.close())
})

test('a burst that is processed within the time raises no alarm', async () => {
  const { clock, emulator, run, stream, alarms } = await fixture(
    () => new Promise<void>((resolve) => clock.setTimer(20_000, resolve)),
  )
  for (let n = 0; n < 20; n++) emulator.put({ id: 'a', n })
  await clock.advance(10 * MINUTE)
  expect(run.counters.handled).toBe(20)
  expect(alarms).toEqual([])
  await clock.run(stream.close())
})

test('nothing is checked any more after the run has ended', async () => {
  const { clock, emulator, run, stream, alarms } = await fixture(() => {})
  await clock.run(run.stop())
  emulator.put({ id: 'a' })
  await clock.advance(HOUR)
  expect(alarms).toEqual([])
  await clock.run(stream.close())
})
