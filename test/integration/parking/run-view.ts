import type { StreamToken } from '../../../src/index.ts'
import { type ParentOf, tokenCoverage } from '../../../src/position/token-coverage.ts'
import type { ObservedRecord } from '../processing/worker-log.ts'
import type { ParkingCall, StoredKey } from './worker-log.ts'

/** A record, and its position in the parking store. */
export interface PlacedRecord extends ObservedRecord {
  readonly position: string
}

/** What the log of one worker says about its knowledge at a moment. */
export class RunView {
  /** The records that the loaded checkpoint does not cover, as far as they are known. */
  readonly uncovered: Set<PlacedRecord> = new Set()
  /** The parked keys, as they were loaded. */
  loaded: ReadonlyMap<string, StoredKey> = new Map()
  /** The parked keys, as the last successful call has left them. */
  readonly stored: Map<string, StoredKey> = new Map()
  /** The parked keys, as the last call has written them. */
  readonly called: Map<string, StoredKey> = new Map()
  /** When records were handled or dead-lettered. */
  readonly settled: Map<number, number> = new Map()
  /** When records of the stream were handled, dead-lettered or parked, so that the checkpoint covers them. */
  readonly settledInStream: Map<number, number> = new Map()
  /** The records that are dropped, also if an attempt is still running. */
  readonly dropped: Set<number> = new Set()
  /** Dropped records of which one more attempt may start. */
  readonly starting: Set<number> = new Set()
  /**
   * The last drop of each item, and how many records it has discarded; undefined: it is to be carried out.
   */
  readonly drops: Map<string, { readonly until: string; readonly count: number | undefined }> = new Map()
  /** The records that were read from the store. */
  readonly read: Set<number> = new Set()
  readonly attempted: Set<number> = new Set()
  /** The record of each item that is being attempted. */
  readonly running: Map<string, number> = new Map()
  readonly lastEffect: Map<string, number> = new Map()
  /** How many of the records of each item are done, counted from the first one. */
  readonly doneCounts: Map<string, number> = new Map()
  /** The call of the store that is in progress. */
  pending: ParkingCall | undefined
  /** When the last call of the store has succeeded, and the last save of the checkpoint. */
  answeredAt = 0
  savedAt = 0
  /** The last checkpoint that was saved, or loaded. */
  saved: StreamToken | undefined
  /** The checkpoint whose save was started last, and whether that has succeeded. */
  saving: StreamToken | undefined
  isSaving = false
  readonly #isCovered: (record: PlacedRecord) => boolean

  constructor(loaded: StreamToken | undefined, parentOf: ParentOf) {
    this.saved = loaded
    this.#isCovered = loaded === undefined ? () => false : tokenCoverage(loaded, parentOf)
  }

  /** A record is known now. */
  observe(record: PlacedRecord): void {
    if (!this.#isCovered(record)) this.uncovered.add(record)
  }

  isCovered(record: PlacedRecord): boolean {
    return !this.uncovered.has(record)
  }

  /**
   * Whether the position is that of a record that was parked already, or settled before its key was parked.
   */
  isStored({ id, position }: PlacedRecord): boolean {
    return [this.loaded.get(id), this.stored.get(id)].some((key) => key !== undefined && position <= key.last)
  }
}

export function isFinished(position: string, { finished }: Pick<StoredKey, 'finished'>): boolean {
  return finished !== null && position <= finished
}
