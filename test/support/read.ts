import type { Coordinator } from '../../src/coordinator/coordinator.ts'
import type { StreamRecord } from '../../src/records/stream-record.ts'

/** Takes records until there is nothing new, or `max` of them. */
export async function drain(
  coordinator: Coordinator,
  max: number = Number.POSITIVE_INFINITY,
): Promise<StreamRecord[]> {
  const records: StreamRecord[] = []
  while (records.length < max) {
    const record = await coordinator.next()
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

/** The numbers that `putNumbers` wrote, as the records tell them. */
export function numbersOf(records: readonly StreamRecord[]): unknown[] {
  return records.map(({ newImage }) => newImage?.n)
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
