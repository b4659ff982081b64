import { describe, expect, it } from 'vitest'
import { type ProcessingSummary, processStream, type StreamRecord } from '../../../src/index.ts'
import { keyOf, workerFixture } from './worker.ts'

/** Delivered records are settled or unsettled: nothing disappears and nothing counts twice. */
function settledOf({ handled, filtered, discarded, parked, deadLettered }: ProcessingSummary): number {
  return handled + filtered + discarded + parked + Object.values(deadLettered).reduce((a, b) => a + b, 0)
}

describe('a key that never succeeds', () => {
  it('with 5,000 records behind it does not delay 1,000 other keys, and its records stay in order', async () => {
    const { clock, emulator, put, start } = workerFixture()
    put('poison')
    for (let n = 0; n < 5_000; n++) {
      put('poison')
      if (n % 5 === 0) put(`key-${n}`)
    }
    const stream = await start()
    const handled: string[] = []
    const order: number[] = []
    let isBroken = true
    const run = processStream(
      stream,
      (record: StreamRecord) => {
        if (keyOf(record) !== 'poison') handled.push(keyOf(record))
        else if (isBroken) throw new Error('broken')
        else order.push((record.newImage as { n: number }).n)
      },
      { retry: { maxAttempts: 1_000_000, maxDelayMs: 10_000 } },
    )
    const stalls: string[] = []
    run.on('stalled', ({ reason }) => stalls.push(reason))
    await clock.advance(20_000)
    expect(handled).toHaveLength(1_000)
    expect(run.counters).toMatchObject({ records: 6_001, handled: 1_000 })
    expect(settledOf(run.counters)).toBe(1_000)
    expect(run.health().state).toBe('running')
    await clock.advance(80_000)
    expect(stalls).toEqual(['unsettled'])
    isBroken = false
    emulator.disable()
    const summary = await clock.run(run)
    expect(order).toHaveLength(5_001)
    expect(order).toEqual([...order].sort((a, b) => a - b))
    expect(settledOf(summary)).toBe(6_001)
  })
})
