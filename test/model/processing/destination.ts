import type { Destination } from '../../../src/destinations/destination.ts'
import type { DeadLetter } from '../../../src/index.ts'
import type { Process } from '../stream/process.ts'
import { Violation } from '../violation.ts'
import type { SendFault } from './steps.ts'

/** What happens to a letter at the destination. */
export interface LetterWatcher {
  /** The letter has arrived. */
  sending(letter: DeadLetter): void
  accepted(letter: DeadLetter): void
  refused(letter: DeadLetter): void
}

/** The destination of a history. It outlives the processes that use it. */
export interface FaultyDestination {
  /** The destination as one process sees it. */
  open(process: Process, watcher: LetterWatcher): Destination
  /** When a call last failed or was slow, on the monotonic clock. */
  readonly lastFaultAt: number
  /** Schedules a fault of the next calls. */
  injectFault(fault: SendFault): void
  clearFaults(): void
}

/** @param latencyMs returns the duration of the next call, in ms */
export function createDestination(
  latencyMs: () => number,
  report: (violation: unknown) => void,
): FaultyDestination {
  const faults: SendFault[] = []
  const ids = new Map<string, string>()
  const letters = new Map<string, string>()
  let lastFaultAt = Number.NEGATIVE_INFINITY

  const nextFault = (): SendFault | undefined => {
    const fault = faults.shift()
    if (fault && fault.times > 1) faults.unshift({ ...fault, times: fault.times - 1 })
    return fault
  }

  /** A letter that is sent again has the same id, and no other letter has it. */
  const expectId = ({ id, records, condition, failure }: DeadLetter): void => {
    const letter = `${records[0]?.eventId} ${failure.task ?? ''} ${condition}`
    const isKnown = (ids.get(letter) ?? id) === id && (letters.get(id) ?? letter) === letter
    if (!isKnown) throw new Violation('dead letters', `the id ${id} of a letter has changed: ${letter}`)
    ids.set(letter, id)
    letters.set(id, letter)
  }

  return {
    open: (process, watcher) => async (letter) => {
      if (!process.isAlive) await new Promise(() => {})
      try {
        expectId(letter)
      } catch (violation) {
        report(violation)
      }
      watcher.sending(letter)
      const fault = nextFault()
      const noteFault = (): void => {
        if (fault) lastFaultAt = process.clock.monotonic()
      }
      noteFault()
      const ms = fault?.ms ?? latencyMs()
      if (ms > 0) await new Promise<void>((resolve) => void process.clock.setTimer(ms, resolve))
      noteFault()
      if (!process.isAlive) await new Promise(() => {})
      if (fault?.what === 'fails') {
        watcher.refused(letter)
        throw new Error('The destination is down.')
      }
      watcher.accepted(letter)
      await (process.isAlive ? undefined : new Promise(() => {}))
    },
    get lastFaultAt() {
      return lastFaultAt
    },
    injectFault: (fault) => {
      faults.push(fault)
    },
    clearFaults: () => {
      faults.length = 0
    },
  }
}
