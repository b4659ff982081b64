import type { QueuedLetter, WrittenRecord } from '../processing/check-fates.ts'
import type { Role } from '../processing/roles.ts'
import type { Effect } from './effects.ts'
import type { ParkingWorkerEvent } from './worker-log.ts'

/** The runs of the workers, and everything around them. */
export interface ParkingHistory {
  /** In the order in which the workers were started. One that was replaced may have ended later. */
  readonly runs: readonly (readonly ParkingWorkerEvent[])[]
  /** The effects of all runs, in order. */
  readonly effects: readonly Effect[]
  /** The writes in order. */
  readonly written: readonly WrittenRecord[]
  readonly letters: readonly QueuedLetter[]
  readonly streamArn: string
  /** After how many failed attempts a key is parked. */
  readonly parkAfter: number
  roleOf(n: number): Role
  parentOf(shardId: string): string | undefined
}

/** The result of the check. */
export interface ParkingSummary {
  /** One sentence for each broken guarantee; empty if all hold. */
  readonly faults: readonly string[]
  readonly handled: number
  readonly deadLettered: number
  /** How many records were moved to the store, and how many of them were dropped. */
  readonly parked: number
  readonly dropped: number
  /** How often a record took effect again, and how often at most in one run. */
  readonly repeated: number
  readonly mostRepeated: number
  /** What the runs were doing when their logs end. */
  readonly ends: readonly RunEnd[]
  /**
   * The number of shards in which the records of one item were, and those of one that were parked at a time.
   */
  readonly shards: number
  readonly parkedShards: number
}

/**
 * What a run was doing when its log ends: saving the records of a key that it parks, processing the records
 * of one, or saving the checkpoint or removing a key whose records are all done. Or it was replaced by
 * another.
 */
export type RunEnd = ReadonlySet<'parking' | 'releasing' | 'returning' | 'replaced'>
