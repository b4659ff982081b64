import fc from 'fast-check'
import { checkToken } from './check-token.ts'
import { type TokenInput, tokenInput } from './token-inputs.ts'

/** A batch of inputs that is generated from one seed. */
export interface FuzzBatch {
  readonly seed: number
  readonly count: number
  /** Selects one input and one step of its shrinking, as printed with a failure. */
  readonly path?: string | undefined
}

export interface FuzzResult {
  readonly loaded: number
  readonly refused: number
  /** Why the first failing input failed, after shrinking, with the command that repeats it. */
  readonly failure: string | undefined
}

/** Parses random and damaged tokens, and stops at the first failure. */
export function fuzzTokens({ seed, count, path }: FuzzBatch): FuzzResult {
  let loaded = 0
  let refused = 0
  const property = fc.property(tokenInput, ({ value }: TokenInput) => {
    if (checkToken(value)) loaded++
    else refused++
  })
  const result = fc.check(property, { seed, numRuns: count, ...(path !== undefined && { path }) })
  if (!result.failed) return { loaded, refused, failure: undefined }
  const error = result.errorInstance
  const failure = [
    error instanceof Error ? error.message : String(error),
    ...(error instanceof Error && error.cause !== undefined ? [`Cause: ${String(error.cause)}`] : []),
    `Input: ${fc.stringify(result.counterexample?.[0])}`,
    `Repeat: npm run fuzz -- --seed ${seed} --path ${result.counterexamplePath}`,
  ].join('\n')
  return { loaded, refused, failure }
}
