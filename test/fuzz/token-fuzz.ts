import fc from 'fast-check'
import { checkToken } from './check-token.ts'
import { type TokenInput, tokenInput } from './token-inputs.ts'

/** Inputs that follow from one seed. */
export interface FuzzBatch {
  readonly seed: number
  readonly count: number
  /** Goes straight to one input and one step of its shrinking, as a failure says. */
  readonly path?: string | undefined
}

export interface FuzzResult {
  readonly loaded: number
  readonly refused: number
  /** Why the first one failed, as short as it gets, with the command that runs it again. */
  readonly failure: string | undefined
}

/** Gives random and damaged tokens to the parser, until one breaks a promise. */
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
    `Again: npm run fuzz -- --seed ${seed} --path ${result.counterexamplePath}`,
  ].join('\n')
  return { loaded, refused, failure }
}
