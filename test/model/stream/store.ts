import { type CheckpointStore, type Clock, StreamError, type StreamToken } from '../../../src/index.ts'
import { Violation } from '../violation.ts'
import type { LedgerPosition } from './expectation.ts'
import type { Process } from './process.ts'
import type { StoreFault } from './steps.ts'

/** A call of `save()`. */
export interface Save {
  readonly token: StreamToken
  /** When `save()` was called, on the monotonic clock. */
  readonly savedAt: number
  readonly positions: readonly LedgerPosition[]
}

/** The checkpoint store of a history. It outlives the processes that use it. */
export interface FaultyStore {
  /** The store as one process sees it. */
  open(process: Process, positionsOf: (token: StreamToken) => readonly LedgerPosition[]): CheckpointStore
  /** The stored checkpoint. */
  readonly current: Save | undefined
  /** All calls of `save()`. */
  readonly saves: readonly Save[]
  readonly isSaving: boolean
  /** When a save last failed or was slow, on the monotonic clock. */
  readonly lastFaultAt: number
  /** Whether a call by the current process failed or was slow. */
  readonly hadFault: boolean
  /** Whether the current process received a conflict. */
  readonly hadConflict: boolean
  /** Schedules a fault of the next calls. */
  injectFault(fault: StoreFault): void
  /** Cancels the scheduled faults. */
  clearFaults(): void
  /** Ends the current process. A save in flight takes effect or not. */
  crash(saves: 'written' | 'lost'): void
  /** Replaces the stored checkpoint. */
  put(save: Save): void
}

/**
 * @param latencyMs returns the duration of the next call, in ms
 * @param report receives violations, because the library would only retry if the store threw them
 */
export function createStore(
  clock: Clock,
  latencyMs: () => number,
  report: (violation: unknown) => void,
): FaultyStore {
  const saves: Save[] = []
  const scheduledFaults: StoreFault[] = []
  let current: Save | undefined
  let inFlight: Save | undefined
  let lastFaultAt = Number.NEGATIVE_INFINITY
  let hadFault = false
  let hadConflict = false

  const recordSave = (
    token: StreamToken,
    positionsOf: (token: StreamToken) => readonly LedgerPosition[],
  ): Save => {
    let positions: readonly LedgerPosition[] = []
    try {
      if (inFlight)
        throw new Violation('one save at a time', 'a save was started while another one was in flight')
      if (hadConflict) throw new Violation('no save after a conflict', 'a save was started after a conflict')
      positions = positionsOf(token)
    } catch (error) {
      report(error)
    }
    const save = { token, savedAt: clock.monotonic(), positions }
    saves.push(save)
    return save
  }

  const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve))

  const nextFault = (forLoad: boolean): StoreFault | undefined => {
    const [fault] = scheduledFaults
    if (!fault || (fault.what === 'loadFails') !== forLoad) return undefined
    scheduledFaults.shift()
    if ('times' in fault && fault.times > 1) scheduledFaults.unshift({ ...fault, times: fault.times - 1 })
    return fault
  }

  const write = async (save: Save, fault: StoreFault | undefined): Promise<void> => {
    const noteFault = () => {
      if (!fault) return
      hadFault = true
      lastFaultAt = clock.monotonic()
    }
    noteFault()
    inFlight = save
    await sleep(fault && 'ms' in fault ? fault.ms : latencyMs())
    if (inFlight !== save) return
    inFlight = undefined
    noteFault()
    if (fault === undefined || fault.what === 'slow' || (fault.what === 'fails' && fault.written))
      current = save
    if (fault?.what === 'fails') throw new Error('the store is down')
    if (fault?.what !== 'conflict') return
    hadConflict = true
    throw new StreamError('checkpoint.conflict', 'Another worker has acquired the checkpoint.', {
      name: 'model',
    })
  }

  return {
    open: (process, positionsOf) => {
      hadFault = false
      hadConflict = false
      return {
        load: () =>
          process.whileAlive(async () => {
            const fault = nextFault(true)
            hadFault ||= fault !== undefined
            await sleep(latencyMs())
            if (fault) throw new Error('the store is down')
            return current && JSON.parse(JSON.stringify(current.token))
          }),
        save: (_, token) => {
          if (!process.isAlive) return process.whileAlive(async () => {})
          const save = recordSave(JSON.parse(JSON.stringify(token)), positionsOf)
          return process.whileAlive(() => write(save, nextFault(false)))
        },
      }
    },
    get current() {
      return current
    },
    saves,
    get isSaving() {
      return inFlight !== undefined
    },
    get lastFaultAt() {
      return lastFaultAt
    },
    get hadFault() {
      return hadFault
    },
    get hadConflict() {
      return hadConflict
    },
    injectFault: (fault) => {
      scheduledFaults.push(fault)
    },
    clearFaults: () => {
      scheduledFaults.length = 0
    },
    crash: (how) => {
      if (inFlight && how === 'written') current = inFlight
      inFlight = undefined
    },
    put: (save) => {
      current = save
    },
  }
}
