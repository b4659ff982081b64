import { expect, test } from 'vitest'
import { fuzzTokens } from '../../fuzz/token-fuzz.ts'

const SEED = Number(process.env.FUZZ_SEED ?? 1)

test(`3,000 random and damaged tokens are either parsed or refused with an error of a single line (seed ${SEED})`, () => {
  const { loaded, refused, failure } = fuzzTokens({ seed: SEED, count: 3_000 })
  expect(failure).toBeUndefined()
  // Otherwise the inputs would be too uniform to test anything.
  expect(loaded).toBeGreaterThan(100)
  expect(refused).toBeGreaterThan(100)
})
