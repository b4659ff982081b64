import { expect, it } from 'vitest'
import { rateLimit } from '../../../src/streams-api/rate-limit.ts'
import { ManualClock } from '../../../src/testing/index.ts'

const never = new AbortController().signal

function calls(clock: ManualClock, count: number) {
  const limit = rateLimit(clock, 5)
  const start = clock.now()
  const times: number[] = []
  const done = Promise.all(
    Array.from({ length: count }, () => limit.wait(never).then(() => times.push(clock.now() - start))),
  )
  return { limit, times, done }
}

it('five calls are allowed in any second, all at the same time if necessary, and in order', async () => {
  const clock = new ManualClock()
  const { times, done } = calls(clock, 12)
  await clock.run(done)
  expect(times).toEqual([0, 0, 0, 0, 0, 1000, 1000, 1000, 1000, 1000, 2000, 2000])
})

it('a delayed call counts at the time when it was made, not when it was due', async () => {
  const clock = new ManualClock()
  const { limit, times } = calls(clock, 10)
  await clock.advance(1)
  // The timers of the waiting calls fire half a second late.
  clock.suspend(1_500)
  await clock.advance(0)
  expect(times.slice(5)).toEqual(Array(5).fill(1501))
  const next = limit.wait(never).then(() => clock.now())
  expect((await clock.run(next)) - Date.UTC(2026, 0, 1)).toBe(2501)
})

it('an aborted call rejects, and does not block the calls behind it', async () => {
  const clock = new ManualClock()
  const { limit, done } = calls(clock, 5)
  await clock.run(done)
  const controller = new AbortController()
  const waiting = limit.wait(controller.signal)
  const behind = limit.wait(never).then(() => clock.now())
  controller.abort()
  await expect(waiting).rejects.toThrow()
  expect((await clock.run(behind)) - Date.UTC(2026, 0, 1)).toBe(1000)
})

it('setting the wall clock back does not make a call wait longer', async () => {
  const clock = new ManualClock()
  const { limit, done } = calls(clock, 5)
  await clock.run(done)
  clock.jump(-3_600_000)
  const start = clock.monotonic()
  await clock.run(limit.wait(never))
  expect(clock.monotonic() - start).toBe(1000)
})
