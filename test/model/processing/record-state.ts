import type { EmulatedRecord } from '../../../src/testing/index.ts'
import type { TokenMeaning } from './token-meaning.ts'

/** Why a record, or a task of it, is given up. */
export type Condition = 'RetryAttemptsExhausted' | 'RecordAgeExceeded' | 'Rejected' | 'Invalid' | 'WorkerLost'

/** How a record was settled. */
export type Fate = 'handled' | 'filtered' | 'discarded' | Condition

/** The outcome of a handler call for one record, or for one task of it. */
export type Outcome = 'handled' | 'failed' | 'outage' | 'rejected'

/** What has happened to a record, as far as the run that is observed must know. */
export interface RecordState {
  readonly record: EmulatedRecord
  /** Whether the token that the run has loaded covers the record. */
  readonly isCovered: boolean
  /** Whether the loaded token shows an attempt as running. */
  readonly wasRunning: boolean
  /** The tasks that have finished: those that succeeded, and those whose letter was accepted. */
  readonly finishedTasks: Set<string>
  isDelivered: boolean
  fate: Fate | undefined
  /** The fate that the record gets because of the first task that was given up. */
  fateOfTasks: Fate | undefined
  /** The bounds of the number of attempts that count. They differ if the run may have given one back. */
  attempts: { readonly min: number; readonly max: number }
  /** The number of attempts whose outcome this run has seen, except those as part of a batch that threw. */
  attemptsInRun: number
  /** Whether this run has started an attempt. */
  hasStarted: boolean
  /** When the first attempt started, in ms since 1970. */
  firstAttemptAt: number | undefined
  isRunning: boolean
  /** What this run has given up: the record (with an empty name), or tasks of it. */
  readonly givenUp: Map<string, Condition>
  /** Whether the schema has found it invalid in this run. */
  isInvalid: boolean
  /** The tasks (or an empty name) whose letters a destination is storing. */
  readonly sending: Set<string>
  /** Whether it cannot be known what the run knows, because of the order or the time of events. */
  isUncertain: boolean
  /** When the state last changed, in monotonic ms. */
  changedAt: number
  /** When something happened that a checkpoint must store soon, and has not stored yet. */
  unsavedSince: number | undefined
}

/** Returns the state of a record when a run starts that has loaded a token. */
export function createState(record: EmulatedRecord, loaded: TokenMeaning): RecordState {
  const isCovered = loaded.isCovered(record)
  const progress = isCovered ? undefined : loaded.progressOf(record)
  const { attempts = 0, since, isRunning = false, done = [] } = progress ?? {}
  return {
    record,
    isCovered,
    wasRunning: isRunning,
    finishedTasks: new Set(done),
    isDelivered: false,
    fate: undefined,
    fateOfTasks: undefined,
    attempts: { min: attempts, max: attempts },
    attemptsInRun: 0,
    hasStarted: false,
    firstAttemptAt: attempts > 0 ? since : undefined,
    isRunning: false,
    givenUp: new Map(),
    isInvalid: false,
    sending: new Set(),
    isUncertain: false,
    changedAt: Number.NEGATIVE_INFINITY,
    unsavedSince: undefined,
  }
}

export function isSettled({ isCovered, fate }: RecordState): boolean {
  return isCovered || fate !== undefined
}

/** Whether the record was delivered and is not settled. */
export function isOpen({ isDelivered, fate }: RecordState): boolean {
  return isDelivered && fate === undefined
}

/** Whether a token contains what has happened to the record, except for a running attempt. */
export function isSaved(
  { record, fate, attempts, isRunning, finishedTasks }: RecordState,
  token: TokenMeaning,
): boolean {
  if (fate !== undefined || token.isCovered(record)) return token.isCovered(record)
  const { attempts: stored = 0, done = [] } = token.progressOf(record) ?? {}
  const ended = isRunning ? attempts.min - 1 : attempts.min
  return stored >= ended && [...finishedTasks].every((task) => done.includes(task))
}

/** The number of attempts that the record has had, for the message of a violation. */
export function inWords({ attempts: { min, max } }: RecordState): string {
  return min === max ? `but it had ${min}` : `but it had ${min} to ${max}`
}
