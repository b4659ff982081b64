import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { sleep } from '../../../src/core/clock.ts'
import { fileCheckpointStore, fileDestination, openStream, processStream } from '../../../src/index.ts'
import { ManualClock, StreamEmulator } from '../../../src/testing/index.ts'

test('timers fire in order of their due times, then of their creation', async () => {
  const clock = new ManualClock(0)
  const fired: [string, number][] = []
  const at = (name: string, delay: number) => clock.setTimer(delay, () => fired.push([name, clock.now()]))
  at('late', 20)
  at('early', 10)
  at('late too', 20)
  await clock.advance(30)
  expect(fired).toEqual([
    ['early', 10],
    ['late', 20],
    ['late too', 20],
  ])
  expect(clock.now()).toBe(30)
})

test('timers that are set by timers fire during the same advance()', async () => {
  const clock = new ManualClock(0)
  let ticks = 0
  const tick = () => {
    ticks += 1
    clock.setTimer(10, tick)
  }
  tick()
  await clock.advance(100)
  expect(ticks).toBe(11)
  expect(clock.untilNextTimer).toBe(10)
})

test('a canceled timer does not fire', async () => {
  const clock = new ManualClock(0)
  const cancel = clock.setTimer(1, () => expect.unreachable())
  cancel()
  cancel()
  await clock.advance(10)
  expect(clock.untilNextTimer).toBeUndefined()
})

test('suspend() fires no timers, and overdue timers fire when the clock moves next', async () => {
  const clock = new ManualClock(0)
  let fired = 0
  clock.setTimer(10, () => fired++)
  clock.suspend(100)
  expect([fired, clock.untilNextTimer]).toEqual([0, 0])
  await clock.advance(0)
  expect([fired, clock.now(), clock.monotonic()]).toEqual([1, 100, 100])
})

test.each([-3_600_000, 3_600_000])('a jump of the wall clock by %i ms does not affect timers', async (ms) => {
  const clock = new ManualClock(0)
  let fired = 0
  clock.setTimer(10, () => fired++)
  clock.jump(ms)
  await clock.advance(9)
  expect([fired, clock.now(), clock.monotonic()]).toEqual([0, ms + 9, 9])
  await clock.advance(1)
  expect(fired).toBe(1)
})

test('run() completes work that waits for hours on the manual clock without real waiting', async () => {
  const clock = new ManualClock(0)
  const result = await clock.run(async () => {
    for (let hour = 0; hour < 100; hour++) await sleep(clock, 3_600_000)
    return clock.now()
  })
  expect(result).toBe(100 * 3_600_000)
})

test('run() rethrows the error of the work', async () => {
  const clock = new ManualClock(0)
  await expect(clock.run(sleep(clock, 10).then(() => Promise.reject(new Error('failed'))))).rejects.toThrow(
    'failed',
  )
})

test('no time passes while files are written, so that the stores for files can be used', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'manual-clock-'))
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  for (let n = 0; n < 20; n++) emulator.put({ id: `key-${n}`, n })
  const store = fileCheckpointStore(folder)
  const { streamArn } = emulator
  const checkpoint = { store, name: 'worker', everyRecords: 1 }
  const startedAt = clock.now()
  const stream = await clock.run(openStream({ streamArn, client: emulator.client(), clock, checkpoint }))
  const destination = fileDestination(join(folder, 'letters'))
  const run = processStream(stream, (_, { reject }) => reject('no'), { onFailure: destination })
  await clock.advance(5_000)
  expect(run.counters.deadLettered.rejected).toBe(20)
  await clock.run(run.stop())
  await clock.run(stream.close())
  expect(clock.now() - startedAt).toBeLessThan(10_000)
  await rm(folder, { recursive: true })
})

test('two clocks that advance at the same time do not wait for each other', async () => {
  const turns = vi.spyOn(globalThis, 'setImmediate')
  try {
    await Promise.all([new ManualClock().advance(1_000), new ManualClock().advance(1_000)])
    expect(turns.mock.calls.length).toBeLessThan(20)
  } finally {
    turns.mockRestore()
  }
})
