import { describe, expect, it } from 'vitest'
import { ServiceClock } from '../../../src/core/service-clock.ts'
import { ManualClock } from '../../../src/testing/index.ts'

const SECOND = 1_000
const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1, 12, 0, 0, 400)

/** A local clock that is `aheadMs` ahead of the service, and calls that return the service's time. */
function clocks(aheadMs = 0) {
  const local = new ManualClock(START + aheadMs)
  const service = new ServiceClock(local)
  const serviceTime = () => START + local.monotonic()
  return {
    local,
    service,
    /** How far the estimate is ahead of the actual service time (ms). */
    error: () => service.now() - serviceTime(),
    /** A call that takes `durationMs`. The response is created `respondedAfterMs` after its start. */
    call: (durationMs: number, respondedAfterMs = durationMs, during: () => void = () => {}) => {
      const calledAt = local.monotonic()
      const respondedAt = serviceTime() + respondedAfterMs
      local.suspend(durationMs)
      during()
      service.observe(Math.floor(respondedAt / SECOND) * SECOND, calledAt)
    },
  }
}

it('the service time is the local wall clock until the first Date header', () => {
  const { local, service } = clocks(HOUR)
  local.jump(1_234)
  expect(service.now()).toBe(local.now())
  service.observe(undefined, 0)
  expect(service.now()).toBe(local.now())
})

describe('a correct local clock', () => {
  it.each([0, 1, 400, 599, 999])('a correct clock is never corrected, %i ms into a second', (ms) => {
    const { local, error, call } = clocks()
    local.suspend(ms)
    for (const [durationMs, respondedAfterMs] of [
      [0, 0],
      [80, 40],
      [3_000, 10],
      [25_000, 24_990],
    ]) {
      call(durationMs as number, respondedAfterMs)
      expect(error()).toBe(0)
    }
  })
})

describe('a wrong local clock', () => {
  it.each([8, -8, 24 * 365, -24 * 365])(
    'a clock that is off by %i hours is corrected to within about a second by one call',
    (hours) => {
      const { error, call } = clocks(hours * HOUR)
      call(80, 40)
      expect(error()).toBeGreaterThanOrEqual(-1_080)
      expect(error()).toBeLessThanOrEqual(0)
    },
  )

  it('each later call makes the estimate more accurate, never less, and never ahead of the service', () => {
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

  it('an error that is smaller than the uncertainty of a slow call is not corrected', () => {
    const { error, call } = clocks(5 * SECOND)
    call(20_000, 10_000)
    expect(error()).toBe(5 * SECOND)
    call(80, 40)
    expect(error()).toBeLessThanOrEqual(0)
  })
})

describe('a wall clock that is set while reading', () => {
  it.each([HOUR, -HOUR, 24 * 21 * HOUR])(
    'changing the wall clock by %i ms does not change the service time after the first Date header',
    (ms) => {
      const { local, error, call } = clocks()
      call(80, 40)
      local.jump(ms)
      expect(error()).toBe(0)
      call(80, 40, () => local.jump(ms))
      expect(error()).toBe(0)
    },
  )

  it('a wall clock that is set during the first call is corrected by that call', () => {
    const { local, error, call } = clocks()
    call(80, 40, () => local.jump(24 * 21 * HOUR))
    expect(error()).toBeLessThanOrEqual(0)
    expect(error()).toBeGreaterThanOrEqual(-1_080)
  })
})

it('a stale response that is received after the process was suspended does not change a correct clock', () => {
  const { error, call } = clocks()
  call(HOUR, 10)
  expect(error()).toBe(0)
})

describe('the upper bound of the service time', () => {
  it('the upper bound follows the wall clock after a sleep in which the monotonic clock stopped', () => {
    const { local, service, call } = clocks(HOUR)
    call(0)
    const before = service.now()
    expect(service.atMost()).toBe(before)
    local.jump(8 * HOUR)
    expect([service.now(), service.atMost()]).toEqual([before, before + 8 * HOUR])
  })

  it('the upper bound follows the monotonic clock when the wall clock is set back', () => {
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
  // Another response, sent after the sleep, is received first.
  service.observe(Math.floor(now / SECOND) * SECOND, calledAt)
  expect(now - service.now()).toBeLessThan(SECOND)
  service.observe(dateMs, calledAt)
  expect(now - service.now()).toBeLessThan(SECOND)
})
