import {
  type CheckpointLease,
  type CheckpointStore,
  isStreamError,
  StreamError,
  type StreamToken,
} from '../../../src/index.ts'
import type { Process } from '../stream/process.ts'
import type { StoreCalls } from './store-calls.ts'

/** What happens to a checkpoint store. Must not throw. */
export interface CheckpointWatcher {
  acquired(process: Process, token: StreamToken | undefined): void
  /** The process has called `save`. */
  saving(process: Process, token: StreamToken): void
  /** A save has taken effect. */
  saved(token: StreamToken): void
  /** A response shows the process that it has lost the lease. */
  lost(process: Process): void
}

/** The checkpoint store of a history. It outlives the processes that use it. */
export interface ModelCheckpointStore {
  readonly token: StreamToken | undefined
  /** The process that holds the lease. */
  readonly holder: Process | undefined
  open(process: Process): CheckpointStore
}

export function createCheckpointStore(calls: StoreCalls, watcher: CheckpointWatcher): ModelCheckpointStore {
  let token: StreamToken | undefined
  let epoch = 0
  let holder: Process | undefined

  const lease = (process: Process): CheckpointLease => {
    const mine = ++epoch
    holder = process
    const lost = new AbortController()
    const copy = token && structuredClone(token)
    watcher.acquired(process, copy)
    return {
      token: copy,
      epoch: mine,
      lost: lost.signal,
      release: async () => {},
      save: async (next) => {
        const saved = structuredClone(next)
        if (process.isAlive) watcher.saving(process, saved)
        const save = () => {
          if (epoch !== mine) {
            throw new StreamError('checkpoint.conflict', 'Another worker has acquired the checkpoint.', {
              name: 'model',
            })
          }
          token = saved
          watcher.saved(saved)
        }
        try {
          await calls.call(process, 'save', save)
        } catch (error) {
          if (isStreamError(error, 'checkpoint.conflict')) watcher.lost(process)
          throw error
        }
      },
    }
  }

  return {
    get token() {
      return token
    },
    get holder() {
      return holder
    },
    open: (process) => ({
      lease: () => calls.call(process, 'lease', () => lease(process)),
      load: () => neverUsed(),
      save: () => neverUsed(),
    }),
  }
}

function neverUsed(): never {
  throw new Error('A stream uses a lease.')
}
