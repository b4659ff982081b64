import { deletePart, deleteRecord } from './dynamodb-content.ts'
import type { Fence } from './dynamodb-fence.ts'
import { type ParkingTable, positionOf } from './dynamodb-items.ts'
import { groupWrites } from './dynamodb-plan.ts'
import { listParts, queryFirst } from './dynamodb-records.ts'

/*
 * All items are deleted by transactions of the lease. That costs twice as much as BatchWriteItem, but a call
 * that arrives late cannot delete a record that was parked again meanwhile.
 */

/**
 * Deletes the records of an update that has not been completed: those after `end`.
 *
 * @param end - the position of the last record that belongs to the key; undefined if it has no record.
 */
export async function discardUpdate(
  table: ParkingTable,
  fence: Fence,
  keyHash: string,
  end: string | undefined,
): Promise<void> {
  for await (const parts of listParts(table, keyHash)) {
    const discarded = parts.filter((part) => end === undefined || positionOf(part) > end)
    for (const writes of groupWrites(discarded.map((part) => deletePart(table, keyHash, part)))) {
      await fence.commit({ writes, incomplete: keyHash })
    }
  }
  await fence.commit({ writes: [] })
}

/** Deletes everything in the partition of a key's records. */
export async function deleteRecords(table: ParkingTable, fence: Fence, keyHash: string): Promise<void> {
  for await (const parts of listParts(table, keyHash)) {
    for (const writes of groupWrites(parts.map((part) => deletePart(table, keyHash, part)))) {
      await fence.commit({ writes })
    }
  }
}

/**
 * Deletes some of the records that are finished.
 *
 * @returns how many were deleted, and whether these were all.
 */
export async function deleteFinished(
  table: ParkingTable,
  fence: Fence,
  keyHash: string,
  floor: string,
  limit: number,
): Promise<{ deleted: number; isDone: boolean }> {
  const { records, isLast } = await queryFirst(table, keyHash, floor, limit)
  for (const writes of groupWrites(records.flatMap((record) => deleteRecord(table, keyHash, record)))) {
    await fence.commit({ writes })
  }
  return { deleted: records.length, isDone: isLast }
}
