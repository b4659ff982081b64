import type { GapReason } from './errors.ts'
import type { StreamToken } from './position/token.ts'

/** What a Coordinator tells, by name. */
export interface CoordinatorEvents {
  /** Reading of a shard begins. */
  shardOpened: { readonly shardId: string; readonly parentId: string | undefined }
  /** All of a shard was given out; its children come next. */
  shardFinished: { readonly shardId: string }
  /** Records were trimmed before they were read: those of the shard that came after the sequence number `after`. */
  gap: { readonly shardId: string; readonly after: string | undefined; readonly reason: GapReason }
  /** A call failed in a way that is likely to pass, and will be made again after `delayMs` milliseconds. */
  retry: {
    readonly operation: StreamsOperation
    readonly shardId: string | undefined
    /** How many times in a row it has failed, from 1. */
    readonly attempt: number
    readonly delayMs: number
    readonly error: unknown
  }
  /** Everything that there was has been given out. Told again after each record that comes later. */
  caughtUp: { readonly shards: number }
  /** Listings showed shards that were not known. */
  discovered: { readonly shardIds: readonly string[] }
  /** A shard has failed for so long that newer records of other shards no longer wait for it. */
  leftBehind: { readonly shardId: string; readonly failingForMs: number; readonly error: unknown }
  /**
   * Once: answers are read with the SDK's own deserialiser from now on, at several times the cost, because this version of
   * the SDK does not let them be read otherwise.
   */
  fallback: { readonly reason: string }
  /** A shard is read though the parent that it names was never listed: it was waited for long enough. */
  parentNotListed: { readonly shardId: string; readonly parentId: string }
}

/** The names of {@link CoordinatorEvents}. */
export const coordinatorEventNames: readonly (keyof CoordinatorEvents)[] = [
  'shardOpened',
  'shardFinished',
  'gap',
  'retry',
  'caughtUp',
  'discovered',
  'leftBehind',
  'parentNotListed',
  'fallback',
]

/** What a stream tells besides. */
export interface StreamEvents extends CoordinatorEvents {
  /** A checkpoint was saved. */
  checkpoint: { readonly name: string; readonly token: StreamToken }
  /** Saving a checkpoint failed, and will be tried again after `delayMs` milliseconds. */
  checkpointRetry: {
    readonly name: string
    readonly attempt: number
    readonly delayMs: number
    readonly error: unknown
  }
}

export type StreamsOperation =
  | 'DescribeStream'
  | 'GetShardIterator'
  | 'GetRecords'
  | 'ListStreams'
  | 'DescribeTable'

/** Takes a listener away again. */
export type Unsubscribe = () => void

/**
 * A typed list of listeners. They are called after the change that they are told of is complete, in the order of the
 * events; an exception of a listener is thrown where the process sees it (`uncaughtException`) and hurts nobody else.
 *
 * @internal
 */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Unsubscribe {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    // Its own function each time, so that a listener that was added twice is taken away once.
    const call = (event: Events[Name]) => listener(event)
    listeners.add(call)
    return () => listeners.delete(call)
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name) as Set<(event: Events[Name]) => void> | undefined
    if (!listeners?.size) return
    queueMicrotask(() => {
      for (const listener of [...listeners]) {
        try {
          listener(event)
        } catch (error) {
          queueMicrotask(() => {
            throw error
          })
        }
      }
    })
  }
}
