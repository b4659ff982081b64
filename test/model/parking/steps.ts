import type { HandlerForm } from '../processing/steps.ts'
import type { Interruption, Setup, WorldStep } from '../steps.ts'

/** A history of parked keys as data: the service, the options, what the handlers do, and the steps. */
export interface ParkingHistory {
  readonly kind: string
  readonly setup: ParkingSetup
  readonly steps: readonly ParkingStep[]
}

export interface ParkingSetup extends Setup {
  readonly checkpoint: { readonly everyRecords: number; readonly everyMs: number }
  readonly form: HandlerForm
  /** The longest time that a handler takes, in ms. With 0, handlers are synchronous. */
  readonly handlerMs: number
  readonly concurrency: number
  readonly maxUnsettled: number
  readonly after: {
    readonly attempts?: number | undefined
    readonly ms?: number | undefined
    readonly queued?: number | undefined
  }
  readonly maxAttempts: number
  readonly maxDelayMs: number
  /** The longest time that a call of the parking store usually takes, in ms. */
  readonly parkingMs: number
  /** The longest time that a call of the checkpoint store usually takes, in ms. */
  readonly checkpointMs: number
  /** The longest time that a destination takes to accept a letter, in ms. */
  readonly sendMs: number
  /** Whether calls of stores that are in flight when a process dies take effect. */
  readonly inFlight: 'written' | 'lost'
  /** Whether the table's next stream is read after the present one. */
  readonly followTable: boolean
}

/** What the handler does with the records of a key. */
export type Mode =
  | 'succeed'
  /** With tasks, only the last one fails. */
  | 'fail'
  /** Every task fails. */
  | 'failAll'
  /** The option `classify` returns `'wait'` for the error. */
  | 'wait'
  /** Ends the process. */
  | 'die'
  /** Of the records of the key, every other one is rejected, and the others fail. */
  | 'rejectSome'

/** What happens to the next calls of a store. */
export interface StoreFault {
  /**
   * - `refused`: the call fails, and has no effect.
   * - `unanswered`: the call fails, but it has taken effect.
   * - `late`: the call fails, and takes effect later, but before another call succeeds.
   * - `slow`: the call takes long.
   */
  readonly what: 'refused' | 'unanswered' | 'late' | 'slow'
  /** How long the call takes, or until a late effect, in ms. */
  readonly ms: number
  readonly times: number
}

export type StoreName = 'parking' | 'checkpoint'

/** What is done to the worker at a moment. */
export type Deed =
  /** Its process dies, and another one is started. */
  | 'kill'
  /** Another process is started. It goes on until it notices that it has lost its lease. */
  | 'takeOver'
  /** It is stopped, and another process is started. */
  | 'restart'
  /** Its run is stopped, and another one is started on the same stream. */
  | 'rerun'
  /** It is paused for some time. */
  | 'pause'

export type WorkerStep =
  | { readonly do: 'pass'; readonly ms: number }
  /** From now on, the handler does this with the records of a key. */
  | { readonly do: 'set'; readonly key: number; readonly mode: Mode }
  /** An operator requests something for a key, if it is parked. */
  | { readonly do: 'request'; readonly action: 'release' | 'drop'; readonly key: number }
  | { readonly do: 'worker'; readonly deed: Deed }
  /** Does something to the worker at the n-th moment from now. */
  | { readonly do: 'at'; readonly nth: number; readonly deed: Deed }
  /** No process runs for this time. */
  | { readonly do: 'down'; readonly ms: number }
  | { readonly do: 'storeFault'; readonly store: StoreName; readonly fault: StoreFault }
  /** All calls of a store fail for this time. */
  | { readonly do: 'storeDown'; readonly store: StoreName; readonly ms: number }
  /** The stream is disabled, and another one is enabled. */
  | { readonly do: 'reenable' }
  /** Trims what is older than 24 hours. */
  | { readonly do: 'trimAll' }

export type ParkingStep = WorkerStep | WorldStep | Interruption

/** The name of an item by its number. */
export function keyName(key: number): string {
  return `k${key % 8}`
}
