import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findFailure } from './check.ts'
import { countViolations } from './count-violations.ts'
import { anyHistory, kinds } from './histories.ts'
import { createNaiveCoordinator } from './naive-coordinator.ts'
import { play } from './play.ts'
import type { History } from './steps.ts'

/** The seed of the histories: `MODEL_SEED=7 npx vitest run test/model` runs different ones. */
const SEED = Number(process.env.MODEL_SEED ?? 1)
/** Fewer histories of the kinds that are slow to run. */
const COUNTS: Readonly<Record<string, number>> = {
  outage: 30,
  crowd: 30,
  heavy: 30,
  old: 20,
  saturated: 20,
  weeks: 10,
}
const COUNT = 50

/** The service's log of a history, one call per line. */
async function logOf(history: History): Promise<string> {
  return (await play(history)).map((entry) => JSON.stringify(entry)).join('\n')
}

describe('random histories of the Coordinator', () => {
  it.each(Object.keys(kinds))(
    'no history of the kind "%s" violates a guarantee of the Coordinator',
    async (kind) => {
      const failure = await findFailure({ kind, seed: SEED, count: COUNTS[kind] ?? COUNT })
      expect(failure && `${failure.trace}\n\n${failure.replay}`).toBeUndefined()
    },
  )

  it('a history produces the same log of the service, byte for byte, when it is run alone and concurrently with others', async () => {
    const histories = fc.sample(anyHistory, { seed: SEED, numRuns: 16 }).map(({ setup, ...rest }, index) => ({
      ...rest,
      setup: { ...setup, throughClient: index % 10 === 0 },
    }))
    const logs = await Promise.all(histories.map(logOf))
    // One at a time and all at once: concurrent activity in the process makes no difference.
    for (const [index, history] of histories.entries()) expect(await logOf(history)).toBe(logs[index])
    expect(new Set(logs).size).toBe(logs.length)
  })

  it('a different seed of the service and the reader changes the log of the same history', async () => {
    const [history] = fc.sample(kinds.errors as fc.Arbitrary<History>, { seed: SEED, numRuns: 1 })
    const { setup, ...rest } = history as History
    const withSeed = (seed: number) => logOf({ ...rest, setup: { ...setup, seed } })
    expect(await withSeed(2)).not.toBe(await withSeed(4))
  })

  it('a history that violates a guarantee is shrunk, and the reported seed and path reproduce it', async () => {
    const found = await findFailure({ seed: SEED, count: 50 }, { createSubject: createNaiveCoordinator })
    const { seed, path = '', guarantee } = found ?? {}
    expect(found?.replay).toBe(`npm run soak -- --seed ${seed} --path ${path}`)
    const again = await findFailure({ seed: SEED, count: 1, path }, { createSubject: createNaiveCoordinator })
    expect(again).toMatchObject({ seed, path, guarantee })
  })

  it('more than half of the histories detect a violation in a naive reader', async () => {
    const { passed, played, violations } = await countViolations(
      anyHistory,
      { seed: SEED, count: 60 },
      createNaiveCoordinator,
    )
    expect(passed).toBeLessThan(played / 2)
    expect([...violations.keys()]).toEqual(expect.arrayContaining(['complete', 'no duplicates']))
  })
})
