import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findFailure } from './check.ts'
import { anyHistory, kinds } from './histories.ts'
import { makeNaive } from './naive-coordinator.ts'
import { play } from './play.ts'
import type { History } from './steps.ts'
import { tally } from './tally.ts'

/** Another seed, other histories: `MODEL_SEED=7 npx vitest run test/model`. */
const SEED = Number(process.env.MODEL_SEED ?? 1)
/** Long listings, large records, many shards and weeks take their time. */
const COUNTS: Readonly<Record<string, number>> = {
  outage: 60,
  crowd: 40,
  heavy: 40,
  old: 30,
  saturated: 20,
  weeks: 15,
}
const COUNT = 150

/** What the service was asked and told, call by call. */
async function logOf(history: History): Promise<string> {
  return (await play(history)).map((entry) => JSON.stringify(entry)).join('\n')
}

describe('random histories', () => {
  it.each(Object.keys(kinds))('of %s break no promise', async (kind) => {
    const failure = await findFailure({ kind, seed: SEED, count: COUNTS[kind] ?? COUNT })
    expect(failure && `${failure.story}\n\n${failure.replay}`).toBeUndefined()
  })

  it('play the same way each time, byte for byte', async () => {
    const histories = fc.sample(anyHistory, { seed: SEED, numRuns: 60 }).map(({ setup, ...rest }, index) => ({
      ...rest,
      setup: { ...setup, throughClient: index % 10 === 0 },
    }))
    const logs = await Promise.all(histories.map(logOf))
    // One at a time and all at once: what else goes on in the process makes no difference.
    for (const [index, history] of histories.entries()) expect(await logOf(history)).toBe(logs[index])
    expect(new Set(logs).size).toBe(logs.length)
  })

  it('depend on the seed of the service and of the reader', async () => {
    const [history] = fc.sample(kinds.errors as fc.Arbitrary<History>, { seed: SEED, numRuns: 1 })
    const { setup, ...rest } = history as History
    const withSeed = (seed: number) => logOf({ ...rest, setup: { ...setup, seed } })
    expect(await withSeed(2)).not.toBe(await withSeed(4))
  })

  it('that break a promise are made short, and found again by what is told of them', async () => {
    const found = await findFailure({ seed: SEED, count: 50 }, { make: makeNaive })
    const { seed, path = '', promise } = found ?? {}
    expect(found?.replay).toBe(`npm run soak -- --seed ${seed} --path ${path}`)
    const again = await findFailure({ seed: SEED, count: 1, path }, { make: makeNaive })
    expect(again).toMatchObject({ seed, path, promise })
  })

  it('show what is wrong with the obvious way to read a stream', async () => {
    const { kept, played, broken } = await tally(anyHistory, { seed: SEED, count: 60 }, makeNaive)
    expect(kept).toBeLessThan(played / 2)
    expect([...broken.keys()]).toEqual(expect.arrayContaining(['complete', 'nothing twice']))
  })
})
