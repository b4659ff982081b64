import type { StreamToken } from '../../../src/index.ts'

/** The configuration of a worker process, which is its only argument, as JSON. */
export interface WorkerConfig {
  /** The file that the worker appends its events to. */
  readonly logFile: string
  readonly streamArn: string
  /** The DynamoDB Local with the stream. */
  readonly streams: {
    readonly endpoint: string
    /** The speed of its clock relative to that of the machine. */
    readonly speed: number
    /** A time of its clock, and the time of the machine at that moment; in ms since 1970. */
    readonly now: number
    readonly at: number
  }
  /** The DynamoDB Local with the checkpoints, and their table. */
  readonly checkpoints: { readonly endpoint: string; readonly tableName: string }
  /** The queue for dead letters. */
  readonly queue: { readonly endpoint: string; readonly url: string }
  readonly maxAttempts: number
  /** How often the checkpoint is saved; the defaults of `openStream` if undefined. */
  readonly everyRecords?: number | undefined
  readonly everyMs?: number | undefined
  /** The size of the batches; undefined for a handler of single records. */
  readonly batchSize?: number | undefined
  /** The record whose handler ends the process. If there is one, all others are handled at once. */
  readonly deadly?: DeadlyRecord | undefined
}

/** A record whose handler ends the process. */
export interface DeadlyRecord {
  readonly n: number
  /** `exit` calls `process.exit(1)`; `kill` sends SIGKILL to the process itself. */
  readonly by: 'exit' | 'kill'
  /** How long the handler runs before; 0: it does so synchronously. */
  readonly afterMs: number
}

/** The name of the worker's checkpoint. */
export const CHECKPOINT_NAME = 'worker'

/**
 * A record that a worker has received. `n` is the number of the write, over all items; `id` is the key of the
 * item.
 */
export interface ObservedRecord {
  readonly n: number
  readonly id: string
  readonly shardId: string
  readonly sequenceNumber: string
  readonly keyHash: string
}

/** How the handler's work on a record has ended. */
export type HandlerResult = 'handled' | 'failed' | 'rejected'

/** What a run reports about a dead letter. */
export interface LetterReport {
  readonly shardId: string
  readonly sequenceNumber: string
  readonly condition: string
}

/** An event that a worker logs. The log is in the order in which the events happened. */
export type WorkerEvent =
  /** The worker has acquired its checkpoint; null if no checkpoint exists. */
  | { readonly loaded: StreamToken | null }
  /** The handler was called with the record. */
  | { readonly started: ObservedRecord; readonly attempt: number }
  /** The effect of the handler: it is on the disk before the handler returns. */
  | { readonly effect: number }
  /** The handler has finished its work on the record, and returns in the same turn of the event loop. */
  | { readonly ended: number; readonly result: HandlerResult }
  /** The queue has accepted the dead letter of the record. */
  | { readonly deadLettered: LetterReport }
  /** A save of this token has started. */
  | { readonly saving: StreamToken }
  /** The last save has succeeded. */
  | { readonly saved: true }
  /** The run has resolved. */
  | { readonly finished: true }

/**
 * Parses the log of a worker, which has one line of JSON per event. An incomplete last line is ignored: the
 * worker was killed while it was writing.
 */
export function parseWorkerLog<Event = WorkerEvent>(text: string): Event[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event)
}
