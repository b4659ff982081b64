import { expect, it } from 'vitest'
import { WakeTimer } from '../../../src/coordinator/wake-timer.ts'
import { ManualClock } from '../../../src/testing/index.ts'

function timerOf() {
  const clock = new ManualClock()
  const fired: number[] = []
  const timer: WakeTimer = new WakeTimer(clock, () => {
    fired.push(clock.monotonic())
    timer.wake()
  })
  return { clock, timer, fired, set: (at: number) => timer.set(at, clock.monotonic()) }
}

it('the wake timer fires when it is due, and wakes all waiting callers', async () => {
  const { clock, timer, fired, set } = timerOf()
  const waiting = Promise.all([timer.wait(undefined), timer.wait(undefined)])
  set(500)
  await clock.run(waiting)
  expect(fired).toEqual([500])
  expect(timer.isAwaited).toBe(false)
})

it('no wake timer is set while no caller waits', () => {
  const { clock, timer, set } = timerOf()
  set(500)
  expect(clock.untilNextTimer).toBeUndefined()
  void timer.wait(undefined)
  set(500)
  expect(clock.untilNextTimer).toBe(500)
  timer.wake()
  set(500)
  expect(clock.untilNextTimer).toBeUndefined()
})

it('the wake timer can be moved to an earlier and to a later time, and fires once', async () => {
  const { clock, timer, fired, set } = timerOf()
  const waiting = timer.wait(undefined)
  for (const at of [500, 300, 800, Number.POSITIVE_INFINITY, 900]) set(at)
  await clock.run(waiting)
  expect(fired).toEqual([900])
  expect(clock.untilNextTimer).toBeUndefined()
})

it('a wake timer set for a past time fires at once, but not before the call that sets it returns', async () => {
  const { clock, timer, fired, set } = timerOf()
  await clock.advance(1_000)
  const waiting = timer.wait(undefined)
  set(200)
  expect(fired).toEqual([])
  await clock.run(waiting)
  expect(fired).toEqual([1_000])
})

it('the wake timer is canceled when the last waiting caller leaves because its signal aborts', async () => {
  const { clock, timer, set } = timerOf()
  const [first, second] = [new AbortController(), new AbortController()]
  const waiting = [timer.wait(first.signal), timer.wait(second.signal)]
  set(500)
  first.abort()
  await waiting[0]
  expect(clock.untilNextTimer).toBe(500)
  second.abort()
  await waiting[1]
  expect(clock.untilNextTimer).toBeUndefined()
  expect(timer.isAwaited).toBe(false)
})
