import type { StreamToken } from '../../../src/index.ts'

/** The configuration of a worker process, which is its only argument, as JSON. */
export interface WorkerConfig {
  /** The file that the worker appends its events to. */
  readonly logFile: string
  /** The endpoint of DynamoDB Streams. */
  readonly endpoint: string
  readonly streamArn: string
  readonly checkpoints:
    | { readonly kind: 'file'; readonly folder: string }
    | { readonly kind: 'dynamodb'; readonly endpoint: string; readonly tableName: string }
  readonly everyRecords: number
  readonly everyMs: number
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
}

/** An event that a worker logs. The log is in the order in which the events happened. */
export type WorkerEvent =
  /** The worker has loaded its checkpoint; null if no checkpoint exists. */
  | { readonly loaded: StreamToken | null }
  /** The loop has received a record. */
  | { readonly record: ObservedRecord }
  /** The record has been processed, and the loop requests the next one. */
  | { readonly processed: number }
  /** A save of this token has started. */
  | { readonly saving: StreamToken }
  /** The last save has succeeded. */
  | { readonly saved: true }
  /** The loop has ended, and the last checkpoint has been saved. */
  | { readonly ended: true }

/**
 * Parses the log of a worker, which has one line of JSON per event. An incomplete last line is ignored: the
 * worker was killed while it was writing.
 */
export function parseWorkerLog(text: string): WorkerEvent[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as WorkerEvent)
}
