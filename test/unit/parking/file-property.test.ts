import fc from 'fast-check'
import { test } from 'vitest'
import { memoryParkingStore, type ParkedKey } from '../../../src/index.ts'
import { keyOf, NAME, recordsOf, retry, storeOn } from './file-fixture.ts'
import { applyStep, assertEither, type Model, readModel, type Step, takeStep } from './parking-model.ts'
import { type Fault, Killed, SimulatedDisk } from './simulated-disk.ts'

test('the file parking store agrees with the memory store for random calls, disk errors, kills and power failures', async () => {
  const label = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('append'), label, count: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat'), label, count: fc.nat(5) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish'), label, count: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove'), label, count: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('request'), label, count: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('complete'), label, count: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('acquire'), label, count: fc.constant(0) }) },
  )
  const fault = fc.record({
    after: fc.integer({ min: 1, max: 40 }),
    kind: fc.constantFrom('kill', 'error', 'error') as fc.Arbitrary<Fault['kind']>,
    when: fc.constantFrom('before', 'during', 'after') as fc.Arbitrary<Fault['when']>,
    losesPower: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.array(fault, { maxLength: 6 }),
      async (steps, plan) => {
        const disk = new SimulatedDisk()
        let model: Model = new Map()
        const faults = [...plan]
        let store = storeOn(disk)
        /** Starts a process with the next fault, and again if it is killed while it starts. */
        const start = async () => {
          for (;;) {
            let at = disk.operations
            const planned = faults.map((next) => {
              at += next.after
              return { ...next, at }
            })
            store = storeOn(disk, planned)
            try {
              return await retry(() => store.acquire(NAME))
            } catch (error) {
              if (!(error instanceof Killed)) throw error
              fail()
            }
          }
        }
        const fail = () => {
          const kill = faults.findIndex(({ kind }) => kind === 'kill')
          const [last] = faults.splice(0, kill + 1).slice(-1)
          if (last?.losesPower) disk.failPower()
        }
        const oracle = memoryParkingStore()
        let oracleLease = await oracle.acquire(NAME)
        let lease = await start()
        for (const { kind, label, count } of steps) {
          const taken = stepOf(model, kind, label, count)
          oracleLease = await takeStep(oracle, NAME, oracleLease, taken)
          for (;;) {
            try {
              lease = await retry(() => takeStep(store, NAME, lease, taken))
              model = applyStep(model, taken)
              break
            } catch (error) {
              if (!(error instanceof Killed)) throw error
              fail()
              const found = await readModel(storeOn(disk), NAME)
              assertEither(found.model, model, applyStep(model, taken))
              lease = await start()
            }
          }
        }
        disk.failPower()
        assertEither((await readModel(storeOn(disk), NAME)).model, model, model)
        assertEither((await readModel(oracle, NAME)).model, model, model)
      },
    ),
    { numRuns: 400 },
  )
})

/** Returns a step that is possible in the state of the model. */
function stepOf(model: Model, kind: string, label: string, count: number): Step {
  const { keyHash } = keyOf(label, 0)
  const present = model.get(keyHash)
  const last = present === undefined ? -1 : Number(present.key.last)
  const { finished } = present?.key ?? {}
  const stateOf = (through: number, until = finished): ParkedKey =>
    keyOf(label, through, until === undefined ? {} : { finished: until })
  switch (kind) {
    case 'append': {
      const added = recordsOf(last + 1, last + 1 + count)
      return { do: 'save', updates: [{ key: stateOf(Math.max(last + count, 0)), added }] }
    }
    case 'repeat': {
      const from = Math.max(0, last + 1 - count)
      const added = recordsOf(from, last + 2).map(({ position }) => ({
        position,
        content: `again ${count}`,
      }))
      return { do: 'save', updates: [{ key: stateOf(last + 1), added }] }
    }
    case 'finish': {
      const until = present?.records[count - 1]?.position ?? present?.records.at(-1)?.position ?? finished
      return { do: 'save', updates: [{ key: stateOf(Math.max(last, 0), until), added: [] }] }
    }
    case 'remove':
      return { do: 'remove', keyHash }
    case 'request':
      return { do: 'request', keyHash, action: count === 0 ? 'release' : 'drop' }
    case 'complete':
      return { do: 'complete', keyHash }
    default:
      return { do: 'acquire' }
  }
}
