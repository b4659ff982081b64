import type { EmulatedRecord } from '../../../src/testing/index.ts'
import type { World } from '../world.ts'
import type { Act, ProcessingSetup, Script } from './steps.ts'

/** Decides what the handler does with each record. It is the environment: it survives the processes. */
export interface Acts {
  /** Returns what the handler does in the next call for this record, or for this task of it. */
  next(record: EmulatedRecord, task: string): Act
  isFiltered(record: EmulatedRecord): boolean
  isInvalid(record: EmulatedRecord): boolean
  /** From now on, every record reaches a fate, and nothing hangs. */
  becomeHarmless(): void
}

/** The names of tasks. A handler without tasks has a single one without a name. */
export const TASKS: readonly string[] = ['', 't0', 't1', 't2']

/** Numbers without common factors, so that filters, schemas and scripts do not select the same records. */
const FILTERED_SHARE = 5
const INVALID_SHARE = 7

export function createActs(world: World, setup: ProcessingSetup): Acts {
  const indexes = new Map<string, number>()
  const calls = new Map<string, number>()
  let isHarmless = false

  const indexOf = ({ eventId }: EmulatedRecord): number => {
    const { records } = world.emulator
    for (let index = indexes.size; index < records.length; index++) {
      indexes.set((records[index] as EmulatedRecord).eventId, index)
    }
    return indexes.get(eventId) ?? 0
  }

  const scriptOf = (record: EmulatedRecord, task: string): Script => {
    const { scripts, seed } = setup
    const number = Math.imul(indexOf(record) + 31 * TASKS.indexOf(task) + seed, 0x9e3779b1) >>> 8
    return scripts[number % scripts.length] as Script
  }

  return {
    next: (record, task) => {
      const script = scriptOf(record, task)
      const key = `${record.eventId} ${task}`
      const count = calls.get(key) ?? 0
      calls.set(key, count + 1)
      const act = script[Math.min(count, script.length - 1)] as Act
      return isHarmless ? harmless(act, setup) : act
    },
    isFiltered: (record) => setup.hasFilter && indexOf(record) % FILTERED_SHARE === 3,
    isInvalid: (record) =>
      setup.schema !== 'none' &&
      !(isHarmless && setup.onFailure.invalid === 'stop') &&
      record.raw.dynamodb?.NewImage !== undefined &&
      indexOf(record) % INVALID_SHARE === 4,
    becomeHarmless: () => {
      isHarmless = true
    },
  }
}

/** More attempts would take too long at the end of a history. */
const MAX_LAST_ATTEMPTS = 4

/** A record may be given up if there is a target for it. Otherwise it succeeds. */
function harmless(act: Act, { onFailure, maxAttempts }: ProcessingSetup): Act {
  const success: Act = { do: 'succeed', ms: 0 }
  switch (act.do) {
    case 'fail':
      return act.error !== 'outage' && onFailure.exhausted !== 'stop' && maxAttempts <= MAX_LAST_ATTEMPTS
        ? act
        : success
    case 'reject':
      return onFailure.rejected === 'stop' ? success : act
    default:
      return success
  }
}
