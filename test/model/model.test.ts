import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findFailure } from './check.ts'
import { anyHistory, kinds } from './histories.ts'
import { mutants, mutate } from './mutant-list.ts'
import { makeNaive } from './naive-coordinator.ts'
import { tellStory } from './story.ts'
import { tally } from './tally.ts'

/** Another seed, other histories: `MODEL_SEED=7 npx vitest run test/model`. */
const SEED = Number(process.env.MODEL_SEED ?? 1)
/** Long listings and large records take their time. */
const COUNTS: Readonly<Record<string, number>> = { crowd: 60, heavy: 60 }
const COUNT = 400

describe('random histories', () => {
  it.each(Object.keys(kinds))('of %s break no promise', async (kind) => {
    const failure = await findFailure({ kind, seed: SEED, count: COUNTS[kind] ?? COUNT })
    expect(failure && `${failure.story}\n\n${failure.replay}`).toBeUndefined()
  })

  it('play the same way each time, byte for byte', async () => {
    for (const history of fc.sample(anyHistory, { seed: SEED, numRuns: 20 })) {
      expect(await tellStory(history)).toBe(await tellStory(history))
    }
  })

  it('show what is wrong with the obvious way to read a stream', async () => {
    const { kept, played, broken } = await tally(anyHistory, { seed: SEED, count: 60 }, makeNaive)
    expect(kept).toBeLessThan(played / 2)
    expect([...broken.keys()]).toEqual(expect.arrayContaining(['complete', 'nothing twice']))
  })
})

describe('mutants', () => {
  it.each(mutants)('fit the sources: $name', (mutant) => {
    expect(mutate(readFileSync(mutant.file, 'utf8'), mutant)).toBeDefined()
  })
})
