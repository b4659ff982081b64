import type { Coordinator } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { drain, numbersOf } from '../support/read.ts'

/** Reads for `ms` milliseconds, and returns the numbers of the records. A second passes whenever there is nothing new. */
export async function readFor(coordinator: Coordinator, clock: ManualClock, ms: number): Promise<number[]> {
  const numbers: number[] = []
  // Counted, as a test may let the clock jump.
  for (let passed = 0; passed < ms; passed += 1_000) {
    numbers.push(...numbersOf(await drain(coordinator, clock)))
    await clock.advance(1_000)
  }
  return numbers
}
