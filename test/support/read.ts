import type { Coordinator, StreamRecord } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'

/** Reads until nothing is new, up to `max` records. A manual clock advances for as long as the reads take. */
export async function drain(
  coordinator: Coordinator,
  clock?: ManualClock,
  max: number = Number.POSITIVE_INFINITY,
): Promise<StreamRecord[]> {
  const records: StreamRecord[] = []
  while (records.length < max) {
    const next = coordinator.next()
    const record = await (clock ? clock.run(next) : next)
    if (!record) break
    records.push(record)
  }
  return records
}

/**
 * Reads until there are `count` records, for up to 20 rounds: on a busy machine, DynamoDB Local may return a
 * record some time after it has confirmed the write. A record that was skipped would never arrive.
 */
export async function drainUntil(coordinator: Coordinator, count: number): Promise<StreamRecord[]> {
  const records: StreamRecord[] = []
  for (let round = 0; round < 20 && records.length < count; round++)
    records.push(...(await drain(coordinator)))
  return records
}

/** Returns the attribute `n` of the items in these records. */
export function numbersOf(records: readonly StreamRecord[]): number[] {
  return records.map((record) => (record.newImage ?? record.oldImage)?.n as number)
}

/** Returns the numbers in ascending order. */
export function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b)
}

/** Returns the integers from `from` to `to`, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
