import type { ObservedRecord, WorkerConfig, WorkerEvent } from '../processing/worker-log.ts'

/** The configuration of a worker process, which is its only argument, as JSON. */
export interface ParkingWorkerConfig
  extends Pick<WorkerConfig, 'logFile' | 'streamArn' | 'streams' | 'queue' | 'everyRecords' | 'everyMs'> {
  /** The number of the worker: 0 for the first one. */
  readonly run: number
  /**
   * The file that all workers append their effects to, one after the other in the order in which they happen.
   */
  readonly effectsFile: string
  readonly stores: StoresConfig
  /** The folder of the broken items. */
  readonly brokenItems: string
  readonly doom?: Doom | undefined
}

/** Where the checkpoint and the parked records are. */
export type StoresConfig =
  | { readonly kind: 'dynamodb'; readonly endpoint: string; readonly tableName: string }
  | { readonly kind: 'file'; readonly folder: string }

/** What a worker is doing when it is killed. */
export type Moment =
  /** It is saving records of a key that is parked, and has done so. */
  | 'parking'
  | 'parked'
  /** It has saved that a key is being released, and completes the request. */
  | 'completing'
  | 'completed'
  /** It reads parked records, and starts to process one. */
  | 'reading'
  | 'released'
  /** It saves the progress of a release. */
  | 'progressing'
  /** It saves the checkpoint while a key has no records left, and removes the key. */
  | 'returning'
  | 'removing'
  | 'removed'

/** When and how the worker stops itself. */
export interface Doom {
  readonly moment: Moment
  /** How often the moment is reached before; 0 or more. */
  readonly after: number
  /** How long it continues then; 0: it does not. */
  readonly delayMs: number
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

/** A key in the store, with the id of its item. */
export interface StoredKey {
  readonly id: string
  readonly state: 'parked' | 'releasing'
  readonly records: number
  readonly last: string
  readonly finished: string | null
}

/** A record that is added to the store. */
export interface AddedRecord extends ObservedRecord {
  readonly position: string
}

/** A call of the parking store. The worker makes one at a time. */
export type ParkingCall =
  | { readonly name: 'save'; readonly updates: readonly SavedKey[] }
  | { readonly name: 'remove'; readonly id: string }
  | { readonly name: 'read'; readonly id: string }
  | { readonly name: 'requests' }
  | { readonly name: 'complete'; readonly id: string; readonly action: 'release' | 'drop' }

export interface SavedKey extends StoredKey {
  readonly added: readonly AddedRecord[]
}

export interface DropRequest {
  readonly id: string
  readonly until: string
}

export interface ParkingAnswer {
  readonly answered: ParkingCall['name']
  /** The numbers of the records that `read` has returned. */
  readonly read?: readonly number[]
  /** The items whose records up to a position are to be dropped, according to `requests`. */
  readonly drops?: readonly DropRequest[]
}

/** An event of parking that a worker logs. */
export type ParkingEvent =
  /** The worker has acquired the store, which contains these keys. */
  | { readonly acquired: readonly StoredKey[] }
  | { readonly calling: ParkingCall }
  /** The last call has succeeded. */
  | ParkingAnswer
  /** The last call has failed. */
  | { readonly failed: ParkingCall['name']; readonly code: string }
  /** The run has emitted this event. */
  | { readonly emitted: 'parked' | 'released' | 'returned'; readonly id: string }
  | { readonly emitted: 'dropped'; readonly id: string; readonly records: number }
  /** The worker stops itself with SIGSTOP after this event. */
  | { readonly stopping: true }
  /** The run has rejected with this error code. */
  | { readonly rejected: string }

export type ParkingWorkerEvent = WorkerEvent | ParkingEvent

/** The marks on the standard output for events that the test waits for. */
export const MARKS = { acquired: 'a', stopping: 'z' } as const

/** The exit code of a worker that was replaced by another one. */
export const REPLACED = 3
