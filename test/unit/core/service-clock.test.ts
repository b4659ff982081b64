import { describe, expect, it } from 'vitest'
import { ServiceClock } from '../../../src/core/service-clock.ts'
import { ManualClock } from '../../../src/testing/index.ts'

const SECOND = 1_000
const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1, 12, 0, 0, 400)

/** A local clock that is `offMs` ahead of the service's, and calls that tell the service's time as AWS does. */
function clocks(offMs = 0) {
  const local = new ManualClock(START + offMs)
  const service = new ServiceClock(local)
  let off = offMs
  return {
    local,
    service,
    /** How far the estimate is ahead of the service's real time (ms). */
    error: () => service.now() - (local.now() - off),
    /** Sets the local clock. */
    jump: (ms: number) => {
      local.jump(ms)
      off += ms
    },
    /** A call that takes `tookMs`, which is answered by the service `answeredAfterMs` after it was made. */
    call: (tookMs: number, answeredAfterMs = tookMs, during: () => void = () => {}) => {
      const answeredAt = local.now() - off + answeredAfterMs
      local.suspend(tookMs)
      during()
      service.observe(Math.floor(answeredAt / SECOND) * SECOND, tookMs)
    },
  }
}

describe('a local clock that is right', () => {
  it.each([0, 1, 400, 599, 999])('is never corrected, %i ms into a second', (ms) => {
    const { local, service, call } = clocks()
    local.suspend(ms)
    for (const [tookMs, answeredAfterMs] of [
      [0, 0],
      [80, 40],
      [3_000, 10],
      [25_000, 24_990],
    ]) {
      call(tookMs as number, answeredAfterMs)
      expect(service.now()).toBe(local.now())
    }
  })
})

describe('a local clock that is off', () => {
  it.each([8, -8, 24 * 365, -24 * 365])('by %i hours is corrected to the second by one call', (hours) => {
    const { error, call } = clocks(hours * HOUR)
    call(80, 40)
    expect(Math.abs(error())).toBeLessThanOrEqual(1_080)
  })

  it('is corrected better by calls at other moments of the second, and never worse', () => {
    const { local, error, call } = clocks(5 * HOUR)
    let worst = Number.POSITIVE_INFINITY
    for (let n = 0; n < 50; n++) {
      call(20, 10)
      expect(Math.abs(error())).toBeLessThanOrEqual(worst)
      worst = Math.abs(error())
      local.suspend(370)
    }
    expect(worst).toBeLessThanOrEqual(100)
  })

  it('by less than a slow call can show is left as it is', () => {
    const { local, service, call } = clocks(5 * SECOND)
    call(20_000, 10_000)
    expect(service.now()).toBe(local.now())
    call(80, 40)
    expect(service.now()).not.toBe(local.now())
  })
})

describe('a local clock that is set', () => {
  it.each([HOUR, -HOUR])('by %i ms is followed at the next call, as soon as a call after it', (ms) => {
    const { error, jump, call } = clocks()
    call(80, 40)
    jump(ms)
    call(80, 40)
    expect(Math.abs(error())).toBeLessThanOrEqual(1_080)
  })

  it.each([HOUR, -HOUR])('by %i ms during a call is followed by that very call', (ms) => {
    const { error, jump, call } = clocks()
    call(80, 40)
    call(80, 40, () => jump(ms))
    expect(Math.abs(error())).toBeLessThanOrEqual(1_080)
  })
})

it('a response without a Date header says nothing of the clock', () => {
  const { local, service } = clocks(HOUR)
  service.observe(undefined, 50)
  expect(service.now()).toBe(local.now())
})

it('a process that was suspended during a call takes the time of the suspension for uncertainty', () => {
  const { local, service, call } = clocks()
  call(30 * 60_000, 50)
  expect(service.now()).toBe(local.now())
})
