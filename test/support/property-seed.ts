import fc from 'fast-check'

/*
 * Runs before each file of the unit tests and scenarios. In CI, properties are checked with the same values
 * every time, so that a change is never refused for a defect that it does not have. Elsewhere the values are
 * random: a failure prints its seed, and `CI=1 FAST_CHECK_SEED=… npx vitest run FILE` repeats it.
 */
if (process.env.CI) fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 1) })
