import { describe, expect, it } from 'vitest'
import { memoryParkingStore, type StreamRecord } from '../../../src/index.ts'
import { type Worker, type WorkerFixture, workerFixture } from './worker.ts'

const DAY_MS = 24 * 3_600_000

/** Shards roll every 3.6 hours. */
const GENERATIONS = 200
const GENERATION_MS = (30 * DAY_MS) / GENERATIONS

/**
 * How long the process runs after each roll. Then it is suspended: 30 days of polls take a minute to
 * simulate.
 */
const AWAKE_MS = 120_000

const BLOCKED_RECORDS = 250
const OTHER_RECORDS = 40

/** How long a released record takes. New ones arrive meanwhile. */
const HANDLER_MS = 5

/** Released records in memory, and live ones that have just been read. */
const MAX_UNSETTLED = 500

interface Month extends WorkerFixture {
  readonly worker: Worker
  /** The numbers of the handled records of the blocked key, in order. */
  readonly handled: number[]
  /** For each handled record of another key, how long after its write, in simulated ms. */
  readonly delays: number[]
  /** The most unsettled records that were in memory. */
  readonly mostUnsettled: number
  /** Writes records of the blocked key and of others, in turns. */
  burst(blocked: number, others: number): void
  /** The handler of the blocked key works again, and the key is released. */
  repair(): Promise<void>
  readonly isParked: () => Promise<boolean>
}

async function startMonth(): Promise<Month> {
  const fixture = workerFixture()
  const { clock, emulator, work } = fixture
  const store = memoryParkingStore()
  const handled: number[] = []
  const delays: number[] = []
  let isBroken = true
  let mostUnsettled = 0
  let written = 0
  const handler = async (record: StreamRecord) => {
    mostUnsettled = Math.max(mostUnsettled, unsettledOf(worker))
    const { id, n, at } = record.newImage as { id: string; n: number; at: number }
    if (id !== 'blocked') return void delays.push(emulator.now() - at)
    if (isBroken) throw new Error('broken')
    await new Promise<void>((resolve) => void clock.setTimer(HANDLER_MS, resolve))
    handled.push(n)
  }
  const worker: Worker = await work(
    handler,
    {
      retry: { maxAttempts: 100, minDelayMs: 10, maxDelayMs: 10 },
      parking: { store, after: { attempts: 3 } },
    },
    { idlePollMs: { min: 500, max: 2_000 } },
  )
  const parked = async () => {
    for await (const { keyHash } of store.list('worker')) return keyHash
    return undefined
  }
  return {
    ...fixture,
    worker,
    handled,
    delays,
    get mostUnsettled() {
      return mostUnsettled
    },
    burst: (blocked, others) => {
      const every = Math.max(1, Math.floor(blocked / others))
      for (let n = 0; n < Math.max(blocked, others); n++) {
        const at = emulator.now()
        if (n < blocked) emulator.put({ id: 'blocked', n: ++written, at })
        if (n % every === 0) emulator.put({ id: `other-${n}`, n, at })
      }
    },
    repair: async () => {
      isBroken = false
      expect(await store.release('worker', (await parked()) as string)).toBe(true)
    },
    isParked: async () => (await parked()) !== undefined,
  }
}

/** The records that the run holds: delivered, and neither settled nor parked. */
function unsettledOf({ run }: Worker): number {
  const { records, handled, parked } = run.counters
  return records - handled - parked
}

describe('a key that is blocked for 30 days', () => {
  it('is processed in order once it is released, while 50,000 records never delay another key', async () => {
    const month = await startMonth()
    const { clock, emulator, worker, handled, delays, burst, repair, isParked } = month
    for (let generation = 0; generation < GENERATIONS; generation++) {
      burst(BLOCKED_RECORDS, OTHER_RECORDS)
      await clock.advance(AWAKE_MS)
      for (const shard of emulator.openShards) emulator.roll(shard)
      clock.suspend(GENERATION_MS - AWAKE_MS)
      emulator.trim({ before: emulator.now() - DAY_MS })
    }
    const parked = GENERATIONS * BLOCKED_RECORDS
    expect(worker.run.counters.parked).toBe(parked)
    expect(handled).toEqual([])

    await repair()
    let blocked = parked
    while ((await isParked()) || handled.length < blocked) {
      if (blocked < parked + 1_000) {
        burst(20, 5)
        blocked += 20
      }
      await clock.advance(5_000)
    }
    expect(handled).toEqual(Array.from({ length: blocked }, (_, n) => n + 1))
    expect(month.mostUnsettled).toBeLessThan(MAX_UNSETTLED)
    // The service is polled at least every two seconds.
    expect(Math.max(...delays)).toBeLessThan(2_500)
    expect(delays.length).toBeGreaterThan(GENERATIONS * OTHER_RECORDS)
    await worker.stop()
  })
})
