import { RETENTION_MS } from '../../shards/retention.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'

/** Records of a batch, by whether they may still be passed to the function. */
export interface RecordsByAge {
  readonly usable: readonly EmulatedRecord[]
  /** Older than `MaximumRecordAgeInSeconds`. */
  readonly aged: readonly EmulatedRecord[]
  /** No longer in the stream. */
  readonly trimmed: readonly EmulatedRecord[]
}

/**
 * Splits a batch by age, which Lambda does before each invocation.
 *
 * @param now - the service's time, in ms.
 * @param maxAgeMs - `Infinity` for no limit.
 */
export function splitByAge(records: readonly EmulatedRecord[], now: number, maxAgeMs: number): RecordsByAge {
  const isAged = (record: EmulatedRecord) => now - creationTime(record) > maxAgeMs
  const retained = records.filter((record) => !isTrimmed(record, now))
  return {
    usable: retained.filter((record) => !isAged(record)),
    aged: retained.filter(isAged),
    trimmed: records.filter((record) => isTrimmed(record, now)),
  }
}

/** Returns `ApproximateCreationDateTime` in ms or, if the record has none, when it was written. */
export function creationTime(record: EmulatedRecord): number {
  return record.createdAt ?? record.writtenAt
}

/**
 * Whether the record has expired. The emulator marks records as trimmed only when it is called.
 *
 * @param now - the service's time, in ms.
 */
export function isTrimmed(record: EmulatedRecord, now: number): boolean {
  return record.trimmed || now - record.writtenAt >= RETENTION_MS
}
