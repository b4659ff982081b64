import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import type { ParkedKey, ParkedKeyUpdate, ParkedRecord } from '../../../src/parking/parking-store.ts'
import { collect, keyOf, positionOf, recordOf } from '../../../src/testing/contracts/parking/bench.ts'
import type { Fate } from '../../support/faulty-proxy.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { ParkingTestTable, readRecords } from './parking-table.ts'

const HISTORIES = Number(process.env.PARKING_HISTORIES ?? 2)
const STEPS = 30
const LABELS = ['one', 'two', 'three'] as const

type Label = (typeof LABELS)[number]

/** What is stored of a key: its state, and its records that are not finished. */
interface Stored {
  readonly key: ParkedKey
  readonly records: readonly ParkedRecord[]
}

/** A save of one key that may have been attempted several times. */
interface Attempted {
  readonly added: ParkedRecord[]
  finished: string | undefined
  /** What is stored after each attempt, if it was carried out. */
  readonly outcomes: Stored[]
}

/*
 * A worker makes random calls, of which a third fail: they are lost, executed without a response, executed
 * later, or throttled. It repeats them as the library does, with more records, or ends and is replaced. After
 * each call, and again after all late ones, the table must contain exactly what the model does.
 */
describeOnLocal('dynamoDBParkingStore: random histories', (local) => {
  const table = new ParkingTestTable(local)

  test.each(Array.from({ length: HISTORIES }, (_, index) => index + 1))(
    'no parked record is lost, repeated or reordered, whatever happens to calls (seed %i)',
    async (seed) => {
      const run = randomUUID()
      const random = randomFrom(seed)
      const below = (limit: number) => Math.floor(random() * limit)
      let failureRate = 0
      const fateOf = (): Fate | undefined => {
        if (random() >= failureRate) return undefined
        const fates: Fate[] = [
          { do: 'drop' },
          { do: 'loseResponse' },
          { do: 'deliverLate', afterMs: below(150) },
          { do: 'refuse', error: 'ProvisionedThroughputExceededException' },
        ]
        return fates[below(fates.length)]
      }
      const { proxy, store } = await table.faultyStore('worker', fateOf)
      await using _ = proxy
      const model = new Map<Label, Stored>()
      let positions = 0
      let lease = await store.acquire(run)

      for (let step = 0; step < STEPS; step++) {
        failureRate = random() < 0.3 ? 0 : 0.3
        const label = LABELS[below(LABELS.length)] ?? 'one'
        const action = random()
        if (action < 0.6) await save(random() < 0.3 ? LABELS : [label])
        else if (action < 0.75) await remove(label)
        else if (action < 0.9) await request(label)
        else
          expect(await untilSuccess(() => readRecords(lease, keyOf(label).keyHash))).toEqual(recordsOf(label))
        expect(await found(), `after step ${step}`).toEqual(model)
      }
      failureRate = 0
      await proxy.lateCalls()
      expect(await found()).toEqual(model)
      await replaceWorker(new Map())
      for (const label of LABELS) await lease.remove(keyOf(label).keyHash)
      expect(await table.leftovers(run)).toEqual([])

      async function save(labels: readonly Label[]): Promise<void> {
        const attempted = new Map<Label, Attempted>()
        for (const label of labels) {
          attempted.set(label, { added: [], finished: model.get(label)?.key.finished, outcomes: [] })
        }
        for (;;) {
          const updates = Array.from(attempted, ([label, attempt]) => nextAttempt(label, attempt))
          if (await succeeds(() => lease.save(updates))) break
          if (random() < 0.1) {
            return replaceWorker(new Map(Array.from(attempted, ([label, { outcomes }]) => [label, outcomes])))
          }
        }
        for (const [label, { outcomes }] of attempted) setStored(label, outcomes.at(-1))
      }

      /** Plans a save of a key with at least the same records as before, and a later state. */
      function nextAttempt(label: Label, attempt: Attempted): ParkedKeyUpdate {
        const { added, outcomes } = attempt
        for (let count = Math.floor(random() ** 4 * 300); count > 0; count--) {
          const size = random() < 0.01 ? 60_000 : below(200)
          added.push(recordOf(positions, `${positions} ${'x'.repeat(size)}`))
          positions++
        }
        const all = [...recordsOf(label), ...added]
        const later = random() < 0.4 ? all[below(all.length)]?.position : undefined
        if (later !== undefined && later > (attempt.finished ?? '')) attempt.finished = later
        const { finished } = attempt
        const records = all.filter(({ position }) => finished === undefined || position > finished)
        const key = keyOf(label, {
          records: records.length,
          parkedAt: below(1e9),
          last: all.at(-1)?.position ?? positionOf(0),
          ...(finished !== undefined && { finished }),
        })
        outcomes.push({ key, records })
        return { key, added: [...added] }
      }

      async function remove(label: Label): Promise<void> {
        const { keyHash } = keyOf(label)
        while (!(await succeeds(() => lease.remove(keyHash)))) {
          if (random() > 0.1) continue
          const { key } = model.get(label) ?? {}
          const end = recordsOf(label).at(-1)?.position
          const emptied = key &&
            end !== undefined && { key: { ...key, finished: end, records: 0 }, records: [] }
          return replaceWorker(new Map([[label, [undefined, ...(emptied ? [emptied] : [])]]]))
        }
        setStored(label, undefined)
      }

      async function request(label: Label): Promise<void> {
        const { keyHash } = keyOf(label)
        const isParked = model.has(label)
        expect(await table.store().release(run, keyHash)).toBe(isParked)
        const requests = await untilSuccess(() => lease.requests())
        expect(requests.map((one) => one.keyHash)).toEqual(isParked ? [keyHash] : [])
        for (const one of requests) await untilSuccess(() => lease.complete(one))
        expect(await untilSuccess(() => lease.requests())).toEqual([])
      }

      /**
       * Replaces the worker, whose last call was rejected.
       *
       * @param outcomes - what may be stored if it was carried out.
       */
      async function replaceWorker(outcomes: ReadonlyMap<Label, readonly (Stored | undefined)[]>) {
        lease = await untilSuccess(() => store.acquire(run))
        const stored = await found()
        for (const [label, possible] of outcomes) {
          expect([model.get(label), ...possible]).toContainEqual(stored.get(label))
          setStored(label, stored.get(label))
        }
        expect(stored).toEqual(model)
        expect(lease.keys).toHaveLength(model.size)
      }

      function recordsOf(label: Label): readonly ParkedRecord[] {
        return model.get(label)?.records ?? []
      }

      function setStored(label: Label, stored: Stored | undefined): void {
        if (stored === undefined) model.delete(label)
        else model.set(label, stored)
      }

      async function found(): Promise<Map<Label, Stored>> {
        const stored = new Map<Label, Stored>()
        const keys = await collect(table.store().list(run))
        for (const label of LABELS) {
          const key = keys.find(({ keyHash }) => keyHash === keyOf(label).keyHash)
          if (key) stored.set(label, { key, records: await collect(table.store().records(run, key.keyHash)) })
        }
        return stored
      }
    },
  )
})

/** Repeats a call until it succeeds. */
async function untilSuccess<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (isStreamError(error)) throw error
    }
  }
}

/** Whether a call succeeds. No fault leads to an error of this package. */
async function succeeds(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call()
    return true
  } catch (error) {
    if (isStreamError(error)) throw error
    return false
  }
}

/** Returns a generator of numbers from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
