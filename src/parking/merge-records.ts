import type { ParkedRecord } from './parking-store.ts'

/** Returns records by position. Of two with the same position, the added one is kept. */
export function mergeRecords(
  stored: readonly ParkedRecord[],
  added: readonly ParkedRecord[],
): ParkedRecord[] {
  const byPosition = new Map([...stored, ...added].map((record) => [record.position, record]))
  return [...byPosition.values()].sort((one, other) => (one.position < other.position ? -1 : 1))
}
