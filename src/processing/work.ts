import type { Lane } from './lane.ts'
import type { QueuedRecord } from './queued-record.ts'

/** The records of one lane in an attempt, in order. */
export interface WorkPart {
  readonly lane: Lane
  readonly records: readonly QueuedRecord[]
}

/** The records that one call of the handler gets. */
export interface Work {
  readonly parts: readonly WorkPart[]
  /** The records of all parts, in the order of their delivery. */
  readonly records: readonly QueuedRecord[]
}
