import { describe, expect, it } from 'vitest'
import type { ProcessingEvents } from '../../../src/index.ts'
import { memoryParkingStore } from '../../../src/parking/memory.ts'
import type { ParkingStore } from '../../../src/parking/parking-store.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { keyOf, numberOf, type Worker, type WorkerFixture, workerFixture } from './worker.ts'

const quick = { maxAttempts: 100, minDelayMs: 10, maxDelayMs: 10 }

interface Parked extends WorkerFixture {
  readonly parked: ParkingStore
  /** The numbers of the records that were handled, by key, in order. */
  readonly handled: Map<string, number[]>
  /** The keys whose records fail. */
  readonly broken: Set<string>
  /** The events about parking, of all workers. */
  readonly events: string[]
  start1(options?: object): Promise<Worker>
  /** Requests a release of a key, or a drop. */
  request(action: 'release' | 'drop', key: string): Promise<boolean>
  hashOf(key: string): Promise<string | undefined>
}

function parkingFixture(): Parked {
  const fixture = workerFixture()
  const store = memoryParkingStore()
  const handled = new Map<string, number[]>()
  const broken = new Set<string>()
  const events: string[] = []
  const names = ['parked', 'released', 'dropped', 'returned', 'parkingRetry'] as const
  const hashOf = async (key: string) => {
    for await (const parked of store.list('worker')) {
      if (JSON.parse(parked.key).id.S === key) return parked.keyHash
    }
    return undefined
  }
  return {
    ...fixture,
    parked: store,
    handled,
    broken,
    events,
    hashOf,
    request: async (action, key) => store[action]('worker', (await hashOf(key)) ?? 'unknown'),
    start1: async (options = {}) => {
      const handler = (record: StreamRecord) => {
        const key = keyOf(record)
        if (broken.has(key)) throw new Error('broken')
        handled.set(key, [...(handled.get(key) ?? []), numberOf(record)])
      }
      const parking = { store, after: { attempts: 3 } }
      const worker = await fixture.work(handler, { parking, retry: quick, ...options })
      for (const name of names) {
        worker.run.on(name, (event: ProcessingEvents[typeof name]) => {
          const count = 'records' in event ? ` ${event.records}` : ''
          const reason = 'reason' in event ? ` ${event.reason}` : ''
          events.push(`${name}${reason}${count}`)
        })
      }
      return worker
    },
  }
}

describe('a key that is parked', () => {
  it('is released in order, while its new records arrive, and then returns to the stream', async () => {
    const fixture = parkingFixture()
    const { clock, put, broken, handled, start1, request, events, parked: store, hashOf } = fixture
    broken.add('a')
    for (let n = 0; n < 5; n++) put('a')
    put('b')
    const worker = await start1()
    await clock.advance(10_000)
    expect(events).toEqual(['parked attempts'])
    expect(worker.run.counters).toMatchObject({ parked: 5, handled: 1, records: 6 })
    expect(fixture.savedEntries()).toEqual([])
    put('a')
    await clock.advance(10_000)
    expect(worker.run.counters.parked).toBe(6)
    expect(await store.get('worker', (await hashOf('a')) as string)).toMatchObject({
      state: 'parked',
      records: 6,
      progress: { attempts: 3, error: { name: 'Error' } },
    })
    broken.clear()
    expect(await request('release', 'a')).toBe(true)
    put('a')
    await clock.advance(20_000)
    put('a')
    await clock.advance(10_000)
    expect(handled.get('a')).toEqual([0, 1, 2, 3, 4, 6, 7, 8])
    expect(events).toEqual(['parked attempts', 'released 6', 'returned'])
    expect(await hashOf('a')).toBeUndefined()
    const { records, parked, handled: count } = worker.run.counters
    expect(count).toBe(9)
    expect(records).toBe(parked + count)
    await worker.stop()
  })

  it('is parked again if it fails during its release, and keeps its order', async () => {
    const { clock, put, broken, handled, start1, request, events } = parkingFixture()
    broken.add('a')
    for (let n = 0; n < 300; n++) put('a')
    const worker = await start1()
    await clock.advance(10_000)
    await request('release', 'a')
    await clock.advance(20_000)
    expect(events).toEqual(['parked attempts', 'released 300', 'parked attempts'])
    put('a')
    await clock.advance(5_000)
    broken.clear()
    await request('release', 'a')
    await clock.advance(20_000)
    expect(handled.get('a')).toEqual(Array.from({ length: 301 }, (_, n) => n))
    const { records, parked, handled: count, attempts } = worker.run.counters
    expect(records).toBe(parked + count)
    expect(attempts).toBe(6 + 301)
    await worker.stop()
  })

  it('survives a crash at any time: what the checkpoint does not cover is not parked twice', async () => {
    const { clock, put, broken, handled, start1, request, events } = parkingFixture()
    put('a')
    const first = await start1()
    await clock.advance(5_000)
    broken.add('a')
    for (let n = 1; n < 5; n++) put('a')
    while (events.length === 0) await clock.advance(10)
    expect(events).toEqual(['parked attempts'])
    first.crash()
    const second = await start1()
    await clock.advance(10_000)
    await clock.run(first.run.stop().catch(() => {}))
    expect(second.run.counters).toMatchObject({ attempts: 0 })
    broken.clear()
    await request('release', 'a')
    await clock.advance(10_000)
    expect(handled.get('a')).toEqual([0, 1, 2, 3, 4])
    expect(events.at(-1)).toBe('returned')
    await second.stop()
  })

  it('is left to the worker that has acquired the store: the other one closes without saving', async () => {
    const { clock, put, broken, start1, parked: store, savedEntries } = parkingFixture()
    put('a')
    broken.add('a')
    const worker = await start1({ parking: { store, after: { attempts: 50 } } })
    await clock.advance(100)
    // The checkpoint is not acquired: its store may not distinguish workers.
    await store.acquire('worker')
    const error = await clock.run(worker.run.catch((reason: unknown) => reason))
    expect(error).toMatchObject({ code: 'checkpoint.conflict' })
    expect(worker.run.counters).toMatchObject({ parked: 0, attempts: 50 })
    const before = JSON.stringify(savedEntries())
    await clock.run(worker.stream.close())
    expect(JSON.stringify(savedEntries())).toBe(before)
  })

  it('is dropped on request, and records that arrive later are handled', async () => {
    const { clock, put, broken, handled, start1, request, events } = parkingFixture()
    broken.add('a')
    for (let n = 0; n < 5; n++) put('a')
    const worker = await start1()
    await clock.advance(10_000)
    await request('drop', 'a')
    await clock.advance(10_000)
    broken.clear()
    put('a')
    await clock.advance(10_000)
    expect(handled.get('a')).toEqual([5])
    expect(events).toEqual(['parked attempts', 'dropped 5', 'returned'])
    await worker.stop()
  })

  it('is dropped during its release: the records that are left are not attempted', async () => {
    const { clock, put, broken, handled, start1, request, events } = parkingFixture()
    broken.add('a')
    for (let n = 0; n < 500; n++) put('a')
    const worker = await start1({ retry: { ...quick, minDelayMs: 10_000, maxDelayMs: 10_000 } })
    await clock.advance(60_000)
    await request('release', 'a')
    await clock.advance(6_000)
    await request('drop', 'a')
    await clock.advance(60_000)
    expect(events).toEqual(['parked attempts', 'released 500', 'dropped 500', 'returned'])
    broken.clear()
    put('a')
    await clock.advance(10_000)
    expect(handled.get('a')).toEqual([500])
    const { records, parked, handled: count, discarded } = worker.run.counters
    expect(records).toBe(parked + count + discarded)
    await worker.stop()
  })

  it('does not keep a run of an ended stream open, but a release does', async () => {
    const { clock, put, broken, handled, start1, request, emulator } = parkingFixture()
    broken.add('a')
    for (let n = 0; n < 500; n++) put('a')
    const first = await start1()
    await clock.advance(10_000)
    emulator.disable()
    expect(await clock.run(first.run)).toMatchObject({ parked: 500, handled: 0 })
    await first.stop()
    await request('release', 'a')
    broken.clear()
    const second = await start1()
    expect(await clock.run(second.run)).toMatchObject({ records: 500, handled: 500 })
    expect(handled.get('a')).toEqual(Array.from({ length: 500 }, (_, n) => n))
    await second.stop()
  })
})
