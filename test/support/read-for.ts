import type { Coordinator } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { drain, numbersOf } from './read.ts'

/**
 * Reads for `ms` milliseconds and returns the numbers of the records. The clock advances by a second whenever
 * nothing new is available.
 */
export async function readFor(coordinator: Coordinator, clock: ManualClock, ms: number): Promise<number[]> {
  const numbers: number[] = []
  // Counted rather than read from the clock, because a test may make the clock jump.
  for (let elapsed = 0; elapsed < ms; elapsed += 1_000) {
    numbers.push(...numbersOf(await drain(coordinator, clock)))
    await clock.advance(1_000)
  }
  return numbers
}
