import fc from 'fast-check'
import { play } from './play.ts'
import type { History } from './steps.ts'
import type { SubjectFactory } from './subject.ts'
import { type Guarantee, Violation } from './violation.ts'

/** How many histories violated each guarantee. */
export interface ViolationCounts {
  readonly played: number
  readonly passed: number
  /** By guarantee: the histories in which it was the first to be violated. */
  readonly violations: ReadonlyMap<Guarantee, number>
}

/** Runs histories one after the other, without stopping at a violation. */
export async function countViolations(
  histories: fc.Arbitrary<History>,
  options: { readonly count: number; readonly seed: number },
  createSubject: SubjectFactory,
): Promise<ViolationCounts> {
  const violations = new Map<Guarantee, number>()
  let passed = 0
  for (const history of fc.sample(histories, { numRuns: options.count, seed: options.seed })) {
    try {
      await play(history, createSubject)
      passed++
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      violations.set(error.guarantee, (violations.get(error.guarantee) ?? 0) + 1)
    }
  }
  return { played: options.count, passed, violations }
}
