import { setImmediate } from 'node:timers/promises'
import { Attempts, type RunningAttempt } from '../../../src/processing/attempt.ts'
import type { AttemptOutcome, AttemptRecord } from '../../../src/processing/attempt-outcome.ts'
import { checkHandler } from '../../../src/processing/handler.ts'
import type { Schemas } from '../../../src/processing/schema.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

/** The time that records of these tests were attempted first, in ms since 1970. */
export const firstAttemptAt: number = Date.UTC(2026, 0, 1)

/** A record with the sequence number `number`, which is attempted for the first time. */
export function target(number: number, overrides: Partial<AttemptRecord> = {}): AttemptRecord {
  const wire = {
    eventID: `event-${number}`,
    eventName: 'MODIFY',
    dynamodb: {
      SequenceNumber: String(number),
      Keys: { id: { S: `item-${number}` } },
      NewImage: { id: { S: `item-${number}` }, total: { N: String(number) } },
    },
  }
  const record = new StreamRecord(wire, { shardId: 'shardId-1' }, firstAttemptAt)
  return { record, attempt: 1, firstAttemptAt, finishedTasks: [], taskSucceeded() {}, ...overrides }
}

export interface SubjectOptions {
  readonly handlerTimeoutMs?: number
  readonly abandonAfterMs?: number
  readonly schema?: Schemas
}

/** An attempt that was started, and what it has reported so far. */
export interface StartedAttempt extends RunningAttempt {
  /** All outcomes that were reported: more than one would be a defect. */
  readonly outcomes: readonly AttemptOutcome[]
  /** How long the attempt had been running when it was reported as abandoned, in ms; once per report. */
  readonly abandoned: readonly number[]
}

export interface Subject {
  readonly clock: ManualClock
  readonly attempts: Attempts
  start(...records: readonly AttemptRecord[]): StartedAttempt
  /** Starts an attempt and returns its outcome. The attempt must end without a timer. */
  run(...records: readonly AttemptRecord[]): Promise<AttemptOutcome>
}

/** Attempts with a handler, on a manual clock. The handler may be anything that users can pass. */
export function attemptsWith(handler: unknown, options: SubjectOptions = {}): Subject {
  const clock = new ManualClock()
  const attempts = new Attempts(checkHandler(handler), {
    clock,
    handlerTimeoutMs: options.handlerTimeoutMs,
    abandonAfterMs: options.abandonAfterMs ?? 2_000,
    schema: options.schema,
  })
  const start = (...records: readonly AttemptRecord[]): StartedAttempt => {
    const outcomes: AttemptOutcome[] = []
    const abandoned: number[] = []
    const attempt = attempts.start(records, 7, {
      ended: (outcome) => outcomes.push(outcome),
      abandoned: (runningForMs) => abandoned.push(runningForMs),
    })
    return { outcomes, abandoned, abort: (reason) => attempt.abort(reason) }
  }
  return {
    clock,
    attempts,
    start,
    run: async (...records) => {
      const { outcomes } = start(...records)
      await setImmediate()
      const [outcome, ...others] = outcomes
      if (outcome === undefined) throw new Error('The attempt has not ended.')
      if (others.length > 0) throw new Error('The attempt has ended more than once.')
      return outcome
    },
  }
}
