import fc from 'fast-check'
import { play } from './play.ts'
import type { History } from './steps.ts'
import type { MakeSubject } from './subject.ts'
import { type Promised, Violation } from './violation.ts'

/** How many of some histories broke which promise. */
export interface Tally {
  readonly played: number
  readonly kept: number
  readonly broken: ReadonlyMap<Promised, number>
}

/** Plays histories one after the other without stopping at the first that breaks a promise. */
export async function tally(
  histories: fc.Arbitrary<History>,
  options: { readonly count: number; readonly seed: number },
  make: MakeSubject,
): Promise<Tally> {
  const broken = new Map<Promised, number>()
  let kept = 0
  for (const history of fc.sample(histories, { numRuns: options.count, seed: options.seed })) {
    try {
      await play(history, make)
      kept++
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      broken.set(error.promise, (broken.get(error.promise) ?? 0) + 1)
    }
  }
  return { played: options.count, kept, broken }
}
