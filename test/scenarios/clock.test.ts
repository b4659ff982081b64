import { expect, it } from 'vitest'
import type { ManualClock } from '../../src/testing/index.ts'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { streamFixture } from '../support/stream-fixture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A clock whose wall time can jump, while the clock of the service stays correct. */
function localClock(clock: ManualClock) {
  let offset = 0
  return {
    now: () => clock.now() + offset,
    monotonic: () => clock.monotonic(),
    setTimer: (delayMs: number, callback: () => void) => clock.setTimer(delayMs, callback),
    jump: (ms: number) => {
      offset += ms
    },
  }
}

const JUMPS: [string, number][] = [
  ['set back by an hour', -HOUR],
  ['set back by forty days', -40 * DAY],
  ['set forward by an hour', HOUR],
]

it.each(JUMPS)(
  'next() returns a new record within seconds after the wall clock was %s',
  async (_, jumpMs) => {
    const { clock, open, write } = emulatedTable({ shards: 2 })
    const local = localClock(clock)
    const coordinator = open({ clock: local })
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    local.jump(jumpMs)
    const written = write(2)
    const start = clock.monotonic()
    expect(numbersOf(await drain(coordinator, clock)).sort()).toEqual(written)
    expect(clock.monotonic() - start).toBeLessThan(5_000)
  },
)

it.each(JUMPS)(
  'a waiting loop receives a new record within seconds after the wall clock was %s',
  async (_, jumpMs) => {
    const fixture = streamFixture()
    const { clock, emulator } = fixture
    const local = localClock(clock)
    const stream = await fixture.start({ clock: local })
    const { seen } = fixture.collect(stream)
    await clock.advance(10_000)
    local.jump(jumpMs)
    const written = fixture.write(1)
    await clock.advance(5_000)
    expect(seen).toEqual(written)
    // The child of a shard that rolls afterwards is read just as quickly.
    emulator.roll()
    written.push(...fixture.write(1))
    await clock.advance(5_000)
    expect(seen).toEqual(written)
    await clock.run(stream.close())
  },
)

it('a wall clock that is set back by forty days causes no more timers than a correct one', async () => {
  const timersInTwoSeconds = async (jumpMs: number) => {
    const fixture = streamFixture()
    const { clock } = fixture
    let timers = 0
    const counting = {
      ...localClock(clock),
      // Like Node.js: a delay of more than 2^31 - 1 ms is treated as 1 ms.
      setTimer: (delayMs: number, callback: () => void) => {
        timers++
        return clock.setTimer(delayMs < 2 ** 31 ? delayMs : 1, callback)
      },
    }
    const stream = await fixture.start({ clock: counting })
    fixture.collect(stream)
    await clock.advance(10_000)
    counting.jump(jumpMs)
    timers = 0
    await clock.advance(2_000)
    await clock.run(stream.close())
    return timers
  }
  expect(await timersInTwoSeconds(-40 * DAY)).toBe(await timersInTwoSeconds(0))
})

it('trimmed records are reported as a gap although the wall clock was set back in the meantime', async () => {
  const { clock, open, write } = emulatedTable()
  write(1)
  const local = localClock(clock)
  const coordinator = open({ onGap: 'continue', clock: local })
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  write(1)
  await clock.advance(25 * HOUR)
  const written = write(1)
  local.jump(-30 * HOUR)
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  expect(gaps.length).toBe(1)
})

/** A stream of 32 hours with a new shard every four hours: the oldest listed shard names a trimmed parent. */
async function oldStream(skewMs: number) {
  const fixture = emulatedTable({ behavior: { clockSkewMs: skewMs } })
  const { clock, emulator, write } = fixture
  for (let shard = 0; shard < 8; shard++) {
    write(1)
    await clock.advance(4 * HOUR)
    emulator.roll()
  }
  write(1)
  return fixture
}

it.each([
  ['correct', 0],
  ['4 hours behind', 4],
  ['8 hours behind', 8],
  ['20 hours behind', 20],
  ['8 hours ahead', -8],
  ['20 hours ahead', -20],
])('the oldest shard of a stream is read at once on a machine whose clock is %s', async (_, hours) => {
  const { clock, open } = await oldStream(hours * HOUR)
  const coordinator = open()
  const timeouts = collectEvents(coordinator, 'parentWaitTimedOut')
  await clock.run(coordinator.moveTo('trim_horizon'))
  const start = clock.monotonic()
  const record = await clock.run(coordinator.next())
  expect(record).toBeDefined()
  expect(clock.monotonic() - start).toBeLessThan(2_000)
  const numbers = [record?.newImage?.n as number, ...numbersOf(await drain(coordinator, clock))]
  // The records of the last 24 hours: six closed shards and the open one.
  expect(numbers).toEqual([2, 3, 4, 5, 6, 7, 8])
  expect(timeouts).toEqual([])
})

it('reading resumes from a token at once on a machine whose clock is eight hours behind', async () => {
  const { clock, open } = await oldStream(8 * HOUR)
  const first = open()
  await clock.run(first.moveTo('trim_horizon'))
  await clock.run(first.next())
  const second = open()
  await clock.run(second.moveTo(JSON.stringify(first.token)))
  const start = clock.monotonic()
  expect(await clock.run(second.next())).toBeDefined()
  expect(clock.monotonic() - start).toBeLessThan(2_000)
})

it('a machine whose clock is thirty hours ahead waits for a parent that is hidden for a few seconds', async () => {
  const { clock, emulator, open, write } = emulatedTable({ behavior: { clockSkewMs: -30 * HOUR } })
  const parent = emulator.openShards[0]
  const written = write(3)
  emulator.roll()
  written.push(...write(3))
  emulator.hide(parent as never, { ms: 5_000 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const records = []
  for (let second = 0; second < 60; second++) {
    records.push(...(await drain(coordinator, clock)))
    await clock.advance(1_000)
  }
  expect(numbersOf(records)).toEqual(written)
})

it.each([
  ['behind', 8],
  ['ahead', -8],
])('reading from latest loses no record on a machine whose clock is eight hours %s', async (_, hours) => {
  const { clock, open, write } = emulatedTable({ behavior: { clockSkewMs: hours * HOUR } })
  write(2)
  await clock.advance(5_000)
  const coordinator = open()
  await clock.run(coordinator.moveTo('latest'))
  const token = JSON.stringify(coordinator.token)
  const written = write(2)
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  const next = open()
  await clock.run(next.moveTo(token))
  expect(numbersOf(await drain(next, clock))).toEqual(written)
})
