import { type CoordinatorEvents, coordinatorEventNames } from '../coordinator/events.ts'
import { namesOf } from '../core/options.ts'
import type { StreamToken } from '../position/token.ts'

/** The events of a `DynamoDBStream`: those of its Coordinator, and those of checkpoints. */
export interface StreamEvents extends CoordinatorEvents {
  /** A checkpoint was saved: `token` is stored under `name`. */
  checkpointSaved: { readonly name: string; readonly token: StreamToken }
  /** A call of the checkpoint store has failed and will be retried. */
  checkpointRetry: {
    readonly name: string
    /** What has failed: a save, the renewal of a lease, or waiting for the lease with `standby`. */
    readonly operation: 'save' | 'renew' | 'load'
    /** The number of attempts of this operation that have failed in a row; 1 or more. */
    readonly attempt: number
    /** The delay before the next attempt, in ms. */
    readonly delayMs: number
    readonly error: unknown
  }
  /**
   * Another worker has the lease of the checkpoint, and `openStream` waits for it. Emitted once when the wait
   * starts, and again when a third worker has acquired the lease.
   */
  standby: {
    readonly name: string
    /** Identifies the active worker to people, if the store records it. */
    readonly owner: string | undefined
    /** The fencing number of the active worker. */
    readonly epoch: number
    /**
     * The time limit of its lease, in ms. Undefined if it was opened without `standby`: its lease has no time
     * limit, so this worker waits until it is released.
     */
    readonly leaseMs: number | undefined
  }
  /** A worker with the option `standby` has acquired the lease of its checkpoint: it becomes active. */
  leaseAcquired: {
    readonly name: string
    /** Its fencing number. */
    readonly epoch: number
    /** How long it has waited, in ms. */
    readonly waitedMs: number
  }
}

/** The names of {@link StreamEvents}. */
export const streamEventNames: readonly (keyof StreamEvents)[] = [
  ...coordinatorEventNames,
  ...namesOf<Omit<StreamEvents, keyof CoordinatorEvents>>({
    checkpointSaved: true,
    checkpointRetry: true,
    standby: true,
    leaseAcquired: true,
  }),
]
