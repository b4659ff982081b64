import { isStreamError, type ParkedKey, type ParkedRecord, type ParkingStore } from '../../../src/index.ts'
import { createFileStore } from '../../../src/parking/file-store.ts'
import { type Fault, Killed, type SimulatedDisk } from './simulated-disk.ts'

export const NAME: string = 'orders'
const ROOT = '/parking'
/** Small, so that a few records fill a segment. */
const LIMITS = { bytes: 400, records: 3 }

export function storeOn(disk: SimulatedDisk, faults: readonly Fault[] = []): ParkingStore {
  return createFileStore(ROOT, disk.files(faults), LIMITS)
}

export function record(index: number, content: string = `content ${index}`): ParkedRecord {
  return { position: String(index).padStart(4, '0'), content }
}

export function recordsOf(from: number, to: number): ParkedRecord[] {
  return Array.from({ length: to - from }, (_, offset) => record(from + offset))
}

export function keyOf(label: string, last: number, changes: Partial<ParkedKey> = {}): ParkedKey {
  return {
    keyHash: `${label}${'_'.repeat(21)}`,
    key: `{"id":{"S":"${label}"}}`,
    state: 'parked',
    parkedAt: last,
    records: last,
    last: record(last).position,
    ...changes,
  }
}
/** Repeats a call as a worker does: only errors of the disk. */
export async function retry<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (isStreamError(error) || error instanceof Killed || attempt === 20) throw error
    }
  }
}
