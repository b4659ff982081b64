import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Counters, type Fate } from '../../../src/processing/counts.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

const nothing = {
  records: 0,
  handled: 0,
  filtered: 0,
  deadLettered: { exhausted: 0, aged: 0, rejected: 0, invalid: 0, workerLost: 0 },
  discarded: 0,
  parked: 0,
  lost: 0,
  attempts: 0,
  retries: 0,
  batches: 0,
  elapsedMs: 0,
}

describe('Counters', () => {
  it('a new run has a counter of 0 for each field of the summary', () => {
    expect(new Counters(new ManualClock()).snapshot()).toEqual(nothing)
  })

  it.each<[Fate, object]>([
    ['handled', { handled: 1 }],
    ['filtered', { filtered: 1 }],
    ['exhausted', { deadLettered: { ...nothing.deadLettered, exhausted: 1 } }],
    ['aged', { deadLettered: { ...nothing.deadLettered, aged: 1 } }],
    ['rejected', { deadLettered: { ...nothing.deadLettered, rejected: 1 } }],
    ['invalid', { deadLettered: { ...nothing.deadLettered, invalid: 1 } }],
    ['workerLost', { deadLettered: { ...nothing.deadLettered, workerLost: 1 } }],
    ['discarded', { discarded: 1 }],
  ])('a delivered record that is %s is counted once and is no longer unsettled', (fate, changed) => {
    const counters = new Counters(new ManualClock())
    counters.delivered()
    expect(counters.unsettled).toBe(1)
    counters.settled(fate)
    expect(counters.snapshot()).toEqual({ ...nothing, records: 1, ...changed })
    expect(counters.unsettled).toBe(0)
  })

  it('records that are lost were never delivered, so they do not settle any record', () => {
    const counters = new Counters(new ManualClock())
    counters.delivered()
    counters.settled('lost', 3)
    expect(counters.live.lost).toBe(3)
    expect(counters.unsettled).toBe(1)
  })

  it('an attempt is a retry unless it is the first one of its record over all runs', () => {
    const counters = new Counters(new ManualClock())
    for (const attempt of [1, 2, 3, 1, 17]) counters.attemptStarted(attempt)
    counters.batchStarted()
    expect(counters.live).toMatchObject({ attempts: 5, retries: 3, batches: 1 })
  })

  it('the live view follows the counters, and a snapshot does not', () => {
    const counters = new Counters(new ManualClock())
    const { live } = counters
    const snapshot = counters.snapshot()
    counters.delivered()
    counters.settled('invalid')
    expect(live.records).toBe(1)
    expect(live.deadLettered.invalid).toBe(1)
    expect(snapshot).toEqual(nothing)
  })

  it('the live view can be compared, logged as JSON and copied, but not changed', () => {
    const counters = new Counters(new ManualClock())
    counters.delivered()
    const expected = { ...nothing, records: 1 }
    expect(counters.live).toEqual(expected)
    expect(JSON.parse(JSON.stringify(counters.live))).toEqual(expected)
    expect(structuredClone(counters.live)).toEqual(expected)
    expect(() => Object.assign(counters.live, { records: 9 })).toThrow(TypeError)
    expect(() => Object.assign(counters.live.deadLettered, { aged: 9 })).toThrow(TypeError)
  })

  it('console.log of the live view shows the present values', () => {
    const counters = new Counters(new ManualClock())
    counters.delivered()
    expect(inspect(counters.live)).toBe(inspect({ ...nothing, records: 1 }))
    counters.settled('rejected')
    const deadLettered = { ...nothing.deadLettered, rejected: 1 }
    expect(inspect(counters.live)).toBe(inspect({ ...nothing, records: 1, deadLettered }))
    expect(inspect(counters.live.deadLettered)).toBe(inspect(deadLettered))
  })

  it('the elapsed time follows the monotonic clock until the run ends', async () => {
    const clock = new ManualClock()
    await clock.advance(500)
    const counters = new Counters(clock)
    await clock.advance(1_000)
    clock.jump(3_600_000)
    expect(counters.live.elapsedMs).toBe(1_000)
    counters.ended()
    await clock.advance(9_000)
    counters.ended()
    expect(counters.live.elapsedMs).toBe(1_000)
  })
})
