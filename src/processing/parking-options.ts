import { namesOf } from '../core/options.ts'
import type { ParkingStore } from '../parking/parking-store.ts'

/**
 * When a key is parked: after a failed attempt of its first record, as soon as one of these is reached. At
 * least one must be set. Attempts for which `retry.classify` returned `'wait'` park nothing.
 */
export interface ParkAfter {
  /** The number of attempts that count; 1 or more, and less than `retry.maxAttempts`. */
  readonly attempts?: number | undefined
  /** The time since the first attempt of the record, in ms; 1 to 366 days. */
  readonly ms?: number | undefined
  /**
   * The number of records of the key that wait, with the one that has failed; 1 to 1,000,000. Those that run
   * in the same batch are not counted.
   */
  readonly queued?: number | undefined
}

/** Options of parking: of keys that are blocked for longer than DynamoDB Streams retains their records. */
export interface ParkingOptions {
  /** Where parked records are stored. Several runs can share it: it distinguishes them by their `name`. */
  readonly store: ParkingStore
  /** When a key is parked. */
  readonly after: ParkAfter
  /**
   * The maximum number of parked records of a key; 1 or more. When a further record of the key arrives, the
   * run stops and rejects with `parking.failed`. Keys that are being released have no limit.
   * @default 100000
   */
  readonly maxParkedPerKey?: number | undefined
}

/** The defaults of {@link ParkingOptions}. */
export const parkingDefaults = { maxParkedPerKey: 100_000 } as const

/** The names of {@link ParkingOptions}. */
export const parkingOptionNames: readonly string[] = namesOf<ParkingOptions>({
  store: true,
  after: true,
  maxParkedPerKey: true,
})

/** The names of {@link ParkAfter}. */
export const parkAfterNames: readonly string[] = namesOf<ParkAfter>({
  attempts: true,
  ms: true,
  queued: true,
})
