import { type CoordinatorEvents, coordinatorEventNames } from '../coordinator/events.ts'
import { namesOf } from '../core/options.ts'
import type { StreamToken } from '../position/token.ts'

/** The events of a `DynamoDBStream`: those of its Coordinator, and those of checkpoints. */
export interface StreamEvents extends CoordinatorEvents {
  /** A checkpoint was saved: `token` is stored under `name`. */
  checkpointSaved: { readonly name: string; readonly token: StreamToken }
  /** Saving a checkpoint has failed and will be retried. */
  checkpointRetry: {
    readonly name: string
    /** The number of saves that have failed in a row; 1 or more. */
    readonly attempt: number
    /** The delay before the next attempt, in ms. */
    readonly delayMs: number
    readonly error: unknown
  }
}

/** The names of {@link StreamEvents}. */
export const streamEventNames: readonly (keyof StreamEvents)[] = [
  ...coordinatorEventNames,
  ...namesOf<Omit<StreamEvents, keyof CoordinatorEvents>>({ checkpointSaved: true, checkpointRetry: true }),
]
