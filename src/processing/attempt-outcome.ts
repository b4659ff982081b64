import type { StreamRecord } from '../records/stream-record.ts'

/** A record that is attempted. */
export interface AttemptRecord {
  readonly record: StreamRecord
  /** The number of this attempt, from 1. */
  readonly attempt: number
  /** When the first attempt started, in ms since 1970. */
  readonly firstAttemptAt: number
  /** The tasks that have succeeded in earlier attempts. */
  readonly finishedTasks: readonly string[]
  /** A task has succeeded, while others may still be running. */
  taskSucceeded(task: string): void
}

/** The outcome of one call of a handler for one record. */
export type CallOutcome =
  | { readonly result: 'handled' }
  | {
      readonly result: 'failed'
      /** What was thrown, which can be `undefined`. */
      readonly error: unknown
      /** Whether the record was named in `batchItemFailures`, so that there is no error. */
      readonly isReported: boolean
    }
  | {
      readonly result: 'rejected'
      readonly reason: string
      /** The `RejectError`; absent if `context.reject` of a batch was called. */
      readonly error?: unknown
    }

/** The outcome of one task. */
export type TaskOutcome = { readonly task: string } & CallOutcome

/** The outcome of an attempt for one record. */
export type RecordOutcome =
  | CallOutcome
  /** The record does not match the schema. The reason may contain values of the item. */
  | { readonly result: 'invalid'; readonly reason: string }
  /** One outcome for each task that was unfinished. */
  | { readonly result: 'tasks'; readonly tasks: readonly TaskOutcome[] }

/** The outcome of an attempt for two or more records, by sequence number, as all are of one shard. */
export type BatchOutcome =
  /** The handler has returned, and its response indicates which records have failed. */
  | {
      readonly kind: 'named'
      /** The records that the response names. Those that are also rejected are not among them. */
      readonly failed: ReadonlySet<string>
      /** The reasons of the records that the handler has rejected. */
      readonly rejected: ReadonlyMap<string, string>
      /** The reasons of the records that do not match the schema. The handler has not received them. */
      readonly invalid: ReadonlyMap<string, string>
    }
  /** The batch has failed as a whole, except for the records that are rejected or invalid. */
  | {
      readonly kind: 'batchFailed'
      readonly error: unknown
      readonly rejected: ReadonlyMap<string, string>
      readonly invalid: ReadonlyMap<string, string>
    }

/** The outcome of an attempt: of one record, possibly in a batch of one, or of a batch. */
export type AttemptOutcome = { readonly kind: 'record'; readonly outcome: RecordOutcome } | BatchOutcome
