import { randomUUID } from 'node:crypto'
import { addRecord, digestOf, packContent, replaceRecord } from './dynamodb-content.ts'
import { type Bounds, later, putHeader } from './dynamodb-header.ts'
import type { ParkingTable, Write } from './dynamodb-items.ts'
import type { PlannedUpdate } from './dynamodb-plan.ts'
import type { ParkedKeyUpdate } from './parking-store.ts'

/** The writes of an update, and what is stored of the key after it. */
export interface Update extends PlannedUpdate {
  readonly bounds: Bounds
  /** Identifies the state of the key and the added records. */
  readonly fingerprint: string
}

/**
 * Plans the writes of an update, without making a call.
 *
 * @param stored - what is stored of the key; undefined if it is not parked.
 */
export async function planUpdate(
  table: ParkingTable,
  stored: Bounds | undefined,
  { key, added }: ParkedKeyUpdate,
): Promise<Update> {
  const { keyHash } = key
  const floor = later(stored?.floor, key.finished)
  const packed = await Promise.all(added.map(({ content }) => packContent(table, keyHash, content)))
  const records: Write[] = []
  let end = stored?.end
  for (const [index, record] of added.entries()) {
    const { position } = record
    const content = packed[index]
    const isFinished = floor !== undefined && position <= floor
    if (content !== undefined && !isFinished) {
      // A repeated save may contain records that an earlier attempt has stored.
      const isStored = stored?.end !== undefined && position <= stored.end
      records.push(
        ...(isStored
          ? replaceRecord(table, keyHash, record, content)
          : addRecord(table, keyHash, record, content, end)),
      )
    }
    end = later(end, position)
  }
  const bounds = { id: stored?.id ?? randomUUID(), end, floor }
  const contents = added.map(({ position }, index) => [position, packed[index]?.digest])
  const fingerprint = digestOf(JSON.stringify([key, contents]))
  return { keyHash, records, header: putHeader(table, bounds, key), bounds, fingerprint }
}
