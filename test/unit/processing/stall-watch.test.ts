import { describe, expect, it } from 'vitest'
import { type Load, StallWatch } from '../../../src/processing/stall-watch.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

const limits = {
  concurrency: 4,
  maxUnsettledBytes: 1_000,
  maxFailingKeys: 10,
  stallAfterMs: 60_000,
}

const load: Load = {
  unsettled: 1,
  unsettledBytes: 100,
  failingLanes: 0,
  abandoned: 0,
  lanesAtDestination: 0,
  recordsAtParking: 0,
  isReadingBlocked: false,
  isWaitingForNextStream: false,
  isHalted: false,
}

function setUp() {
  const clock = new ManualClock()
  const watch = new StallWatch(limits, clock.monotonic())
  return {
    clock,
    watch,
    taken: (unsettled: number) => watch.taken(unsettled, clock.monotonic()),
    settled: () => watch.settled(clock.monotonic()),
    check: (changes: Partial<Load> = {}) =>
      watch.check({ ...load, ...changes }, { wall: clock.now(), monotonic: clock.monotonic() }),
  }
}

describe('StallWatch', () => {
  it('a run is stalled once nothing was settled for stallAfterMs although a record is unsettled', async () => {
    const { clock, watch, taken, check } = setUp()
    await clock.advance(10_000)
    const since = new Date(clock.now())
    taken(1)
    expect(check()).toEqual({ change: 'none', checkAt: 70_000 })
    await clock.advance(59_999)
    expect(check()).toEqual({ change: 'none', checkAt: 70_000 })
    expect(watch.isStalled).toBe(false)
    await clock.advance(1)
    expect(check()).toEqual({ change: 'stalled', since, reason: 'unsettled', checkAt: undefined })
    expect(watch.isStalled).toBe(true)
  })

  it('a stall is reported once, and its end once', async () => {
    const { clock, watch, taken, settled, check } = setUp()
    taken(1)
    await clock.advance(60_000)
    expect(check().change).toBe('stalled')
    await clock.advance(60_000)
    expect(check()).toEqual({ change: 'none', checkAt: undefined })
    settled()
    expect(check()).toEqual({ change: 'unstalled', stalledForMs: 120_000, checkAt: 180_000 })
    expect(watch.isStalled).toBe(false)
    expect(check()).toEqual({ change: 'none', checkAt: 180_000 })
    await clock.advance(60_000)
    expect(check().change).toBe('stalled')
  })

  it('a stall ends when the last unsettled record is settled', async () => {
    const { clock, taken, settled, check } = setUp()
    taken(1)
    await clock.advance(60_000)
    check()
    settled()
    expect(check({ unsettled: 0 })).toEqual({ change: 'unstalled', stalledForMs: 60_000, checkAt: undefined })
  })

  it('a stall during which the wall clock is set has the right duration and a plausible start', async () => {
    const { clock, taken, settled, check } = setUp()
    taken(1)
    await clock.advance(30_000)
    clock.jump(3_600_000)
    await clock.advance(30_000)
    expect(check()).toMatchObject({ change: 'stalled', since: new Date(clock.now() - 60_000) })
    clock.jump(-7_200_000)
    settled()
    expect(check()).toMatchObject({ change: 'unstalled', stalledForMs: 60_000 })
  })

  it('a worker without records is not stalled, and a record after hours of silence has its full time', async () => {
    const { clock, taken, check } = setUp()
    await clock.advance(5 * 3_600_000)
    expect(check({ unsettled: 0 })).toEqual({ change: 'none', checkAt: undefined })
    taken(1)
    expect(check()).toEqual({ change: 'none', checkAt: 5 * 3_600_000 + 60_000 })
  })

  it('records that arrive do not hide that nothing is settled', async () => {
    const { clock, taken, check } = setUp()
    for (let unsettled = 1; unsettled <= 7; unsettled++) {
      taken(unsettled)
      if (unsettled < 7) await clock.advance(10_000)
    }
    expect(check({ unsettled: 7 }).change).toBe('stalled')
  })

  it('a key that never succeeds is not a stall while other keys are settled', async () => {
    const { clock, taken, settled, check } = setUp()
    taken(1)
    for (let round = 0; round < 100; round++) {
      taken(2)
      await clock.advance(30_000)
      settled()
      expect(check({ failingLanes: 1 }).change).toBe('none')
    }
  })

  it('a slow handler at its bound, one record in and one out, is never a stall', async () => {
    const { clock, taken, settled, check } = setUp()
    taken(1)
    taken(2)
    for (let round = 0; round < 100; round++) {
      expect(check({ unsettled: 2, isReadingBlocked: true }).change).toBe('none')
      await clock.advance(59_000)
      expect(check({ unsettled: 2, isReadingBlocked: true }).change).toBe('none')
      settled()
      taken(2)
    }
  })

  it('reading that is blocked without taking a record is a stall although small records settle', async () => {
    const { clock, taken, settled, check } = setUp()
    const large = { unsettled: 3, unsettledBytes: 2_000, isReadingBlocked: true }
    taken(3)
    await clock.advance(40_000)
    settled()
    expect(check(large)).toEqual({ change: 'none', checkAt: 60_000 })
    await clock.advance(20_000)
    expect(check(large)).toMatchObject({ change: 'stalled', reason: 'bytes' })
    settled()
    taken(3)
    expect(check(large)).toMatchObject({ change: 'unstalled' })
  })

  it('a run that is paused is never stalled, and has its full time after it resumes', async () => {
    const { clock, taken, check } = setUp()
    taken(1)
    await clock.advance(59_000)
    expect(check({ isHalted: true })).toEqual({ change: 'none', checkAt: undefined })
    await clock.advance(24 * 3_600_000)
    expect(check({ isHalted: true }).change).toBe('none')
    await clock.advance(3_600_000)
    expect(check()).toEqual({ change: 'none', checkAt: clock.monotonic() + 60_000 })
    await clock.advance(60_000)
    expect(check().change).toBe('stalled')
  })

  it('pausing a stalled run ends the stall', async () => {
    const { clock, taken, check } = setUp()
    taken(1)
    await clock.advance(60_000)
    expect(check().change).toBe('stalled')
    expect(check({ isHalted: true })).toEqual({
      change: 'unstalled',
      stalledForMs: 60_000,
      checkAt: undefined,
    })
  })

  it('a run that was resumed while reading was blocked has its full time before it is stalled', async () => {
    const { clock, taken, settled, check } = setUp()
    taken(2)
    check({ isHalted: true })
    await clock.advance(3_600_000)
    expect(check({ isReadingBlocked: true }).change).toBe('none')
    settled()
    expect(check({ isReadingBlocked: true }).change).toBe('none')
  })

  it.each<[string, Partial<Load>]>([
    ['unsettled', {}],
    ['unsettled', { isReadingBlocked: true, failingLanes: 9 }],
    ['unsettled', { unsettledBytes: 1_000 }],
    ['bytes', { isReadingBlocked: true, unsettledBytes: 1_000 }],
    ['failingKeys', { failingLanes: 10, lanesAtDestination: 1, isReadingBlocked: true }],
    ['destination', { lanesAtDestination: 1, isReadingBlocked: true, unsettledBytes: 1_000 }],
    ['destination', { lanesAtDestination: 1, abandoned: 3 }],
    ['abandoned', { abandoned: 1, isReadingBlocked: true, unsettledBytes: 1_000 }],
    ['abandoned', { abandoned: 4, failingLanes: 10, lanesAtDestination: 1 }],
    ['nextStream', { isWaitingForNextStream: true, abandoned: 4, failingLanes: 10 }],
  ])('the reason is %s with %o', async (reason, changes) => {
    const { clock, taken, check } = setUp()
    taken(1)
    await clock.advance(60_000)
    expect(check(changes)).toMatchObject({ change: 'stalled', reason })
  })
})
