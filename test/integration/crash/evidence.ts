import type { StreamToken } from '../../../src/index.ts'

/** How a worker is started: as JSON, its one argument. */
export interface WorkerOrder {
  /** The file in which it tells what it does. */
  readonly evidence: string
  /** Where the stream is. */
  readonly endpoint: string
  readonly streamArn: string
  readonly checkpoints:
    | { readonly kind: 'file'; readonly folder: string }
    | { readonly kind: 'dynamodb'; readonly endpoint: string; readonly tableName: string }
  readonly everyRecords: number
  readonly everyMs: number
}

/** The name that the worker's position is saved under. */
export const CHECKPOINT_NAME = 'worker'

/** A record as a worker tells of it: `n` counts the writes, over all items; `id` is the key of the item. */
export interface Told {
  readonly n: number
  readonly id: string
  readonly shardId: string
  readonly sequenceNumber: string
}

/** What a worker tells, in the order in which it happens. */
export type Evidence =
  /** The checkpoint that it begins with; null when there is none. */
  | { readonly loaded: StreamToken | null }
  /** It was given a record. */
  | { readonly record: Told }
  /** It is done with that record, and comes back for the next one. */
  | { readonly done: number }
  /** The store is asked to save. */
  | { readonly saving: StreamToken }
  /** The store has saved what it was last asked to. */
  | { readonly saved: true }
  /** Its loop has ended, and the last checkpoint is saved. */
  | { readonly ended: true }

/**
 * Reads what a worker has written, a line of JSON each. A line that is cut off was being written when the worker was
 * killed: it has not told of it.
 */
export function parseEvidence(text: string): Evidence[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Evidence)
}
