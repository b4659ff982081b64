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

/** The outcome of an attempt. Records are identified by sequence number, as all are of one shard. */
export type AttemptOutcome =
  /** There was one record, possibly in a batch of one. */
  | { readonly kind: 'record'; readonly outcome: RecordOutcome }
  /** A batch of two or more records, whose response indicates which of them have failed. */
  | {
      readonly kind: 'named'
      readonly failed: ReadonlySet<string>
      readonly rejected: ReadonlyMap<string, string>
      readonly invalid: ReadonlyMap<string, string>
    }
  /** A batch of two or more records that failed as a whole, except for those rejected or invalid. */
  | {
      readonly kind: 'batchFailed'
      readonly error: unknown
      readonly rejected: ReadonlyMap<string, string>
      readonly invalid: ReadonlyMap<string, string>
    }
