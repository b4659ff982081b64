import { describe, expect, it } from 'vitest'
import { ServiceClock } from '../../../src/core/service-clock.ts'
import { ManualClock } from '../../../src/testing/index.ts'

const SECOND = 1_000
const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1, 12, 0, 0, 400)

/** A local clock that is `offMs` ahead of the service's, and calls that return the service's time as AWS does. */
function clocks(offMs = 0) {
  const local = new ManualClock(START + offMs)
  const service = new ServiceClock(local)
  const serviceTime = () => START + local.monotonic()
  return {
    local,
    service,
    /** How far the estimate is ahead of the service's real time (ms). */
    error: () => service.now() - serviceTime(),
    /** A call that takes `tookMs`, which is answered by the service `answeredAfterMs` after it was made. */
    call: (tookMs: number, answeredAfterMs = tookMs, during: () => void = () => {}) => {
      const calledAt = local.monotonic()
      const answeredAt = serviceTime() + answeredAfterMs
      local.suspend(tookMs)
      during()
      service.observe(Math.floor(answeredAt / SECOND) * SECOND, calledAt)
    },
  }
}

it('is the local wall clock until the service has told its time', () => {
  const { local, service } = clocks(HOUR)
  local.jump(1_234)
  expect(service.now()).toBe(local.now())
  service.observe(undefined, 0)
  expect(service.now()).toBe(local.now())
})

describe('a local clock that is right', () => {
  it.each([0, 1, 400, 599, 999])('is never corrected, %i ms into a second', (ms) => {
    const { local, error, call } = clocks()
    local.suspend(ms)
    for (const [tookMs, answeredAfterMs] of [
      [0, 0],
      [80, 40],
      [3_000, 10],
      [25_000, 24_990],
    ]) {
      call(tookMs as number, answeredAfterMs)
      expect(error()).toBe(0)
    }
  })
})

describe('a local clock that is off', () => {
  it.each([8, -8, 24 * 365, -24 * 365])('by %i hours is corrected to the second by one call', (hours) => {
    const { error, call } = clocks(hours * HOUR)
    call(80, 40)
    expect(error()).toBeGreaterThanOrEqual(-1_080)
    expect(error()).toBeLessThanOrEqual(0)
  })

  it('is corrected better by calls at other moments of the second, never worse and never ahead', () => {
    const { local, error, call } = clocks(5 * HOUR)
    let worst = Number.NEGATIVE_INFINITY
    for (let n = 0; n < 50; n++) {
      call(20, 10)
      expect(error()).toBeGreaterThanOrEqual(worst)
      worst = error()
      local.suspend(370)
    }
    expect(worst).toBeGreaterThanOrEqual(-100)
    expect(worst).toBeLessThanOrEqual(0)
  })

  it('by less than a slow call can show is left as it is', () => {
    const { error, call } = clocks(5 * SECOND)
    call(20_000, 10_000)
    expect(error()).toBe(5 * SECOND)
    call(80, 40)
    expect(error()).toBeLessThanOrEqual(0)
  })
})

describe('a wall clock that is set', () => {
  it.each([HOUR, -HOUR, 24 * 21 * HOUR])(
    'by %i ms changes nothing once the service has told its time',
    (ms) => {
      const { local, error, call } = clocks()
      call(80, 40)
      local.jump(ms)
      expect(error()).toBe(0)
      call(80, 40, () => local.jump(ms))
      expect(error()).toBe(0)
    },
  )

  it('while the first call is in flight is corrected by that call', () => {
    const { local, error, call } = clocks()
    call(80, 40, () => local.jump(24 * 21 * HOUR))
    expect(error()).toBeLessThanOrEqual(0)
    expect(error()).toBeGreaterThanOrEqual(-1_080)
  })
})

it('a process that is suspended during a call trusts the stale response no more than it can', () => {
  const { error, call } = clocks()
  call(HOUR, 10)
  expect(error()).toBe(0)
})

describe('the latest that the time may be', () => {
  it('follows the wall clock after a sleep, in which the monotonic clock stood still', () => {
    const { local, service, call } = clocks(HOUR)
    call(0)
    const before = service.now()
    expect(service.atMost()).toBe(before)
    local.jump(8 * HOUR)
    expect([service.now(), service.atMost()]).toEqual([before, before + 8 * HOUR])
  })

  it('follows the monotonic clock when the wall clock is set back', () => {
    const { local, service, call } = clocks()
    call(0)
    local.jump(-8 * HOUR)
    expect(service.atMost()).toBe(service.now())
  })
})

it('a late response to a call during which the machine slept does not set the clock back', () => {
  const { local, service } = clocks()
  const calledAt = local.monotonic()
  const dateMs = Math.floor(local.now() / SECOND) * SECOND
  service.observe(dateMs, calledAt)
  local.jump(3 * SECOND)
  local.suspend(6 * SECOND)
  const now = local.now()
  // Another response, from after the sleep, comes first.
  service.observe(Math.floor(now / SECOND) * SECOND, calledAt)
  expect(now - service.now()).toBeLessThan(SECOND)
  service.observe(dateMs, calledAt)
  expect(now - service.now()).toBeLessThan(SECOND)
})
