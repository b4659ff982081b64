import { type CoordinatorEvents, coordinatorEventNames } from '../coordinator/events.ts'
import { namesOf } from '../core/options.ts'
import type { StreamToken } from '../position/token.ts'

/** What a stream tells besides. */
export interface StreamEvents extends CoordinatorEvents {
  /** A checkpoint was saved. */
  checkpointSaved: { readonly name: string; readonly token: StreamToken }
  /** Saving a checkpoint failed, and will be tried again after `delayMs` milliseconds. */
  checkpointRetry: {
    readonly name: string
    readonly attempt: number
    readonly delayMs: number
    readonly error: unknown
  }
}

/** The names of {@link StreamEvents}. */
export const streamEventNames: readonly (keyof StreamEvents)[] = [
  ...coordinatorEventNames,
  ...namesOf<Omit<StreamEvents, keyof CoordinatorEvents>>({ checkpointSaved: true, checkpointRetry: true }),
]
