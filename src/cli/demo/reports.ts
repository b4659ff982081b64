/** What the worker tells the demo, one JSON text a line. */
export type WorkerReport =
  /** A record was processed: shard, sequence number, order, version. */
  | { readonly record: readonly [string, string, string, number] }
  | { readonly opened: string; readonly parentId: string | null }
  | { readonly finished: string }
  | { readonly checkpoint: true }
  | { readonly lagMs: number }

/** What the worker is told. */
export interface WorkerTask {
  readonly endpoint: string
  readonly tableName: string
  /** Where its checkpoint is. */
  readonly folder: string
}

/** The name of its checkpoint. */
export const checkpointName = 'demo-worker'
