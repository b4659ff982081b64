import type { DeadLetterCondition } from '../destinations/destination.ts'
import type { InvokedRecord } from './invoked-record.ts'

/**
 * Where an invocation reports failures: `console`, the logger of Powertools, or any object with such a
 * method.
 */
export interface LambdaLogger {
  /** @param error - what the handler has thrown, which can contain values of the item. */
  warn(message: string, ...error: [error: Error] | []): void
}

/** The first record that was reported to Lambda. */
export interface ReportedFailure {
  readonly record: InvokedRecord
  readonly error: unknown
}

/** In an outage, all records of an invocation can fail. */
const MAX_LINES = 10

/**
 * Writes the failures of an invocation to the log. Lambda itself writes only what a function throws: records
 * that are reported in the response would otherwise leave no trace.
 */
export class FailureLog {
  readonly #logger: LambdaLogger
  #lines = 0
  #first: ReportedFailure | undefined

  constructor(logger: LambdaLogger) {
    this.#logger = logger
  }

  get firstReported(): ReportedFailure | undefined {
    return this.#first
  }

  reported(record: InvokedRecord, error: unknown): void {
    this.#first ??= { record, error }
    const { sequenceNumber, attemptsInRun } = record
    this.#write(`Record ${sequenceNumber} failed ${times(attemptsInRun)}; it is reported to Lambda.`, error)
  }

  givenUp({ sequenceNumber }: InvokedRecord, condition: DeadLetterCondition, task: string | undefined): void {
    const which = task === undefined ? '' : `: task ${task}`
    this.#write(`Record ${sequenceNumber} was given up (${condition})${which}.`)
  }

  notSent({ sequenceNumber }: InvokedRecord, error: unknown): void {
    this.#write(`The dead letter of record ${sequenceNumber} was not accepted by its destination.`, error)
  }

  /** Something about the function itself, which is always written. */
  warn(message: string, error?: unknown): void {
    try {
      this.#logger.warn(message, ...(error instanceof Error ? [error] : []))
    } catch {
      // A logger that throws, or an error that cannot be shown, must not end the invocation.
    }
  }

  #write(message: string, error?: unknown): void {
    this.#lines++
    if (this.#lines <= MAX_LINES) this.warn(message, error)
    else if (this.#lines === MAX_LINES + 1) this.warn('Further failures of this invocation are not logged.')
  }
}

function times(count: number): string {
  return count < 2 ? 'once' : `${count} times`
}
