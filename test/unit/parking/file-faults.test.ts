import { describe, expect, test } from 'vitest'
import { keyOf, NAME, record, recordsOf, retry, storeOn } from './file-fixture.ts'
import { applyStep, assertEither, type Model, readModel, type Step, takeStep } from './parking-model.ts'
import { type Fault, Killed, SimulatedDisk } from './simulated-disk.ts'

const { keyHash: A } = keyOf('a', 0)
const { keyHash: B } = keyOf('b', 0)

const save = (label: string, from: number, to: number, finished?: number): Step => {
  const key = keyOf(label, to, finished === undefined ? {} : { finished: record(finished).position })
  return { do: 'save', updates: [{ key, added: recordsOf(from, to) }] }
}

/** Parks, appends, fills segments, finishes, removes and parks again, with requests and a new worker. */
const SCENARIO: readonly Step[] = [
  { do: 'acquire' },
  {
    do: 'save',
    updates: [
      { key: keyOf('a', 2), added: recordsOf(0, 2) },
      { key: keyOf('b', 5), added: recordsOf(0, 5) },
      { key: keyOf('c', 0), added: [] },
    ],
  },
  save('a', 2, 7),
  { do: 'request', keyHash: A, action: 'release' },
  { do: 'request', keyHash: A, action: 'drop' },
  save('a', 7, 8),
  { do: 'complete', keyHash: A },
  save('b', 5, 5, 3),
  { do: 'acquire' },
  save('b', 5, 6, 3),
  save('a', 6, 9),
  { do: 'request', keyHash: B, action: 'drop' },
  save('a', 9, 9, 8),
  save('a', 9, 11, 8),
  { do: 'remove', keyHash: B },
  save('b', 4, 6),
  { do: 'remove', keyHash: A },
]

/** Plays the scenario, and calls `check` with the disk after the step that the fault has interrupted. */
async function play(
  fault: Fault | undefined,
  check: (disk: SimulatedDisk, before: Model, step: Step) => Promise<void>,
): Promise<number> {
  const disk = new SimulatedDisk()
  const store = storeOn(disk, fault && [fault])
  let model: Model = new Map()
  let current: Step = { do: 'acquire' }
  try {
    let lease = await store.acquire(NAME)
    for (const step of SCENARIO) {
      current = step
      lease = await takeStep(store, NAME, lease, step)
      model = applyStep(model, step)
    }
  } catch (error) {
    if (!(error instanceof Killed)) throw error
    await check(disk, model, current)
    return disk.operations
  }
  // The store ignores errors when it removes what is no longer used, so the last ones have no effect.
  if (fault !== undefined) await check(disk, model, { do: 'acquire' })
  return disk.operations
}

const OPERATIONS = await play(undefined, async () => {})

describe('a file parking store whose process is killed', () => {
  const failures = [
    ['is killed', () => {}],
    ['is killed by a power failure', (disk: SimulatedDisk) => disk.failPower()],
    [
      'is killed by a power failure after some of its writes were synced by chance',
      (disk: SimulatedDisk) => {
        let turn = 0
        disk.failPower(() => turn++ % 3 === 1)
      },
    ],
  ] as const

  test.each(failures)(
    'the file parking store has all of an update or nothing of it if the process %s',
    async (_, fail) => {
      expect(OPERATIONS).toBeGreaterThan(100)
      let interruptions = 0
      for (let at = 0; at < OPERATIONS; at++) {
        for (const when of ['before', 'during', 'after'] as const) {
          await play({ at, kind: 'kill', when }, async (disk, before, step) => {
            interruptions++
            const after = applyStep(before, step)
            try {
              fail(disk)
              const { model } = await readModel(storeOn(disk), NAME)
              assertEither(model, before, after)
              // What the next worker has seen is not lost by another failure.
              disk.failPower()
              const { model: again, lease } = await readModel(storeOn(disk), NAME)
              assertEither(again, model, model)
              await takeStep(storeOn(disk), NAME, lease, step)
              disk.failPower()
              assertEither((await readModel(storeOn(disk), NAME)).model, after, after)
            } catch (error) {
              throw new Error(`${when} operation ${disk.log.at(at)}: ${error}`, { cause: error })
            }
          })
        }
      }
      expect(interruptions).toBe(3 * OPERATIONS)
    },
  )

  test('a killed process leaves no parking file behind once the next worker has acquired the lease and removed the keys', async () => {
    for (let at = 0; at < OPERATIONS; at++) {
      await play({ at, kind: 'kill', when: 'during' }, async (disk) => {
        const lease = await storeOn(disk).acquire(NAME)
        for (const { keyHash } of lease.keys) await lease.remove(keyHash)
        const left = disk.paths().filter((path) => !path.includes('/~'))
        if (left.length > 0) throw new Error(`${disk.log.at(at)} has left ${left.join(', ')}.`)
      })
    }
  })
})

describe('a file parking store whose disk fails', () => {
  test.each(['before', 'during', 'after'] as const)(
    'the file parking store has each update once if an operation of the disk fails %s its effect and the call is repeated',
    async (when) => {
      for (let at = 0; at < OPERATIONS + 20; at++) {
        const disk = new SimulatedDisk()
        const store = storeOn(disk, [{ at, kind: 'error', when }])
        let model: Model = new Map()
        let lease = await retry(() => store.acquire(NAME))
        for (const step of SCENARIO) {
          lease = await retry(() => takeStep(store, NAME, lease, step))
          model = applyStep(model, step)
        }
        disk.failPower()
        try {
          assertEither((await readModel(storeOn(disk), NAME)).model, model, model)
        } catch (error) {
          throw new Error(`${when} operation ${disk.log.at(at)}: ${error}`, { cause: error })
        }
      }
    },
  )
})

describe('a file parking store that two workers use', () => {
  test('a save to files is seen by the worker that acquires the lease, or is rejected, however the two overlap', async () => {
    const results = new Set<string>()
    for (let delay = 0; delay < 60; delay++) {
      const disk = new SimulatedDisk()
      const first = await storeOn(disk).acquire(NAME)
      const parked: Step = { do: 'save', updates: [{ key: keyOf('a', 3), added: recordsOf(0, 4) }] }
      await first.save(parked.updates)
      const before = applyStep(new Map(), parked)
      const step: Step = {
        do: 'save',
        updates: [
          { key: keyOf('a', 9), added: recordsOf(4, 10) },
          { key: keyOf('b', 1), added: recordsOf(0, 2) },
        ],
      }
      const saving = first.save(step.updates).then(
        () => 'saved',
        (error: { code?: unknown }) => error.code,
      )
      for (let turn = 0; turn < delay; turn++) await null
      const second = await storeOn(disk).acquire(NAME)
      const seen = second.keys.map(({ keyHash, parkedAt }) => `${keyHash} ${parkedAt}`)
      const result = String(await saving)
      results.add(result)
      const { model } = await readModel(storeOn(disk), NAME)
      assertEither(model, before, applyStep(before, step))
      expect(seen).toEqual([...model.values()].map(({ key }) => `${key.keyHash} ${key.parkedAt}`))
      if (result === 'saved') expect(seen).toHaveLength(2)
    }
    expect(results).toEqual(new Set(['saved', 'checkpoint.conflict']))
  })

  test('one of two workers that create the folder of a run at the same time can use it', async () => {
    for (let delay = 0; delay < 40; delay++) {
      const disk = new SimulatedDisk()
      const acquiring = storeOn(disk).acquire(NAME)
      acquiring.catch(() => {})
      for (let turn = 0; turn < delay; turn++) await null
      const leases = await Promise.allSettled([acquiring, storeOn(disk).acquire(NAME)])
      const saves: unknown[] = []
      for (const [index, lease] of leases.entries()) {
        if (lease.status === 'rejected') saves.push(lease.reason.code)
        else {
          await lease.value.save([{ key: keyOf('a', index), added: [] }]).then(
            () => saves.push('saved'),
            (error: { code?: unknown }) => saves.push(error.code),
          )
        }
      }
      expect(saves.sort()).toEqual(['checkpoint.conflict', 'saved'])
    }
  })
})
