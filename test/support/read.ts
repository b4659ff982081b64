import type { Coordinator, StreamRecord } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'

/** Reads until there is nothing new, or up to `max` records. On a manual clock, as much time passes as the reads take. */
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
 * Takes records until there are `count`, for up to twenty rounds: DynamoDB Local may show a write later than it confirms
 * it when the machine is busy. A record that was skipped would never come.
 */
export async function drainUntil(coordinator: Coordinator, count: number): Promise<StreamRecord[]> {
  const records: StreamRecord[] = []
  for (let round = 0; round < 20 && records.length < count; round++)
    records.push(...(await drain(coordinator)))
  return records
}

/** The numbers that the items of these records were written with. */
export function numbersOf(records: readonly StreamRecord[]): number[] {
  return records.map((record) => (record.newImage ?? record.oldImage)?.n as number)
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
