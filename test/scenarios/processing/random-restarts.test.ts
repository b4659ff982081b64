import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ProcessingSummary, StreamRecord } from '../../../src/index.ts'
import { keyOf, numberOf, type Worker, workerFixture } from './worker.ts'

const RECORDS = 60
const KEYS = 6

interface History {
  readonly order: 'key' | 'shard' | 'none'
  readonly batchSize: number | undefined
  /** How each worker ends, and after how long. */
  readonly lives: readonly { readonly end: 'stop' | 'crash' | 'close'; readonly ms: number }[]
  /** Which calls fail: a number for each call, from 0 to 99. */
  readonly failures: readonly number[]
  readonly rolls: readonly number[]
}

const histories: fc.Arbitrary<History> = fc.record({
  order: fc.constantFrom('key', 'shard', 'none'),
  batchSize: fc.constantFrom(undefined, undefined, 3, 20),
  lives: fc.array(
    fc.record({ end: fc.constantFrom('stop', 'crash', 'close'), ms: fc.integer({ min: 1, max: 6_000 }) }),
    { minLength: 1, maxLength: 6 },
  ),
  failures: fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 10, maxLength: 60 }),
  rolls: fc.array(fc.integer({ min: 1, max: RECORDS - 1 }), { maxLength: 3 }),
})

function fates({ handled, filtered, discarded, deadLettered }: ProcessingSummary): number {
  return handled + filtered + discarded + Object.values(deadLettered).reduce((a, b) => a + b, 0)
}

async function live(history: History): Promise<void> {
  const { clock, emulator, put, work } = workerFixture()
  const laneOf = new Map<number, string>()
  for (let n = 0; n < RECORDS; n++) {
    if (history.rolls.includes(n)) emulator.roll()
    put(`key-${(n * 7) % KEYS}`)
  }
  let calls = 0
  /** The numbers of the records that were handled, in order, and by which worker. */
  const handled: { readonly n: number; readonly life: number }[] = []
  const running = new Set<string>()
  let life = 0
  const handle = async (records: readonly StreamRecord[], mine: number) => {
    const lanes = new Set(
      records.map((record) => (history.order === 'shard' ? record.shardId : `${mine} ${keyOf(record)}`)),
    )
    if (history.order !== 'none') {
      for (const lane of lanes) {
        expect(running.has(`${mine} ${lane}`)).toBe(false)
        running.add(`${mine} ${lane}`)
      }
    }
    const choice = history.failures[calls++ % history.failures.length] as number
    await new Promise<void>((resolve) => void clock.setTimer(choice * 5, resolve))
    for (const lane of lanes) running.delete(`${mine} ${lane}`)
    if (choice < 25) throw new Error('failed')
    if (mine !== life) return
    for (const record of records) {
      laneOf.set(numberOf(record), keyOf(record))
      handled.push({ n: numberOf(record), life: mine })
    }
  }
  const start = (mine: number): Promise<Worker> => {
    const { batchSize, order } = history
    const handler =
      batchSize === undefined
        ? (record: StreamRecord) => handle([record], mine)
        : { batch: (records: readonly StreamRecord[]) => handle(records, mine), batchSize }
    return work(handler, { order, concurrency: 4, retry: { maxAttempts: 1_000, maxDelayMs: 1_000 } })
  }
  const ends: ('stop' | 'crash' | 'close')[] = []
  for (const { end, ms } of history.lives) {
    const worker = await start(life)
    await clock.advance(ms)
    const { records } = worker.run.counters
    expect(fates(worker.run.counters)).toBeLessThanOrEqual(records)
    if (end === 'stop') await worker.stop()
    else if (end === 'close') await clock.run(worker.stream.close())
    else worker.crash()
    ends.push(end)
    life++
  }
  emulator.disable()
  const last = await start(life)
  const summary = await clock.run(last.run)
  await clock.run(last.stream.close())
  expect(fates(summary)).toBe(summary.records)
  // Nothing is lost.
  expect(new Set(handled.map(({ n }) => n)).size).toBe(RECORDS)
  // What a worker that ended in order has handled never runs again.
  const settled = new Set<number>()
  for (let mine = 0; mine <= life; mine++) {
    const ofLife = handled.filter((call) => call.life === mine).map(({ n }) => n)
    expect(new Set(ofLife).size).toBe(ofLife.length)
    for (const n of ofLife) expect(settled.has(n)).toBe(false)
    if (ends[mine] !== 'crash') for (const n of ofLife) settled.add(n)
  }
  if (history.order === 'none') return
  // In the life of each worker, the records of a key are handled in order, without leaving one out.
  const firsts = new Map<string, number>()
  const seen = new Set<number>()
  for (const { n } of handled) {
    if (seen.has(n)) continue
    seen.add(n)
    const lane = laneOf.get(n) as string
    expect(n).toBeGreaterThan(firsts.get(lane) ?? -1)
    firsts.set(lane, n)
  }
}

describe('workers that stop, crash and restart at random', () => {
  it('handle every record, in order, and none again that was handled before an orderly end', async () => {
    await fc.assert(fc.asyncProperty(histories, live), { numRuns: 60, seed: 3 })
  })
})
