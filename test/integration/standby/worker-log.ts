/** The configuration of a worker. */
export interface WorkerConfig {
  readonly endpoint: string
  readonly streamArn: string
  readonly checkpointTable: string
  readonly effectTable: string
  readonly leaseMs: number
}

/** What a worker logs, one line each. */
export type WorkerEvent =
  /** It waits for the lease. */
  | { readonly standby: true }
  /** It has acquired the lease with this epoch. */
  | { readonly active: number }
  /** A handler has started to process the record `n`. */
  | { readonly started: number }
  /** The effect of the record `n` was refused by the fence. */
  | { readonly refused: number }
  /** The error code with which it has ended. */
  | { readonly ended: string }

/** An effect that the fence has accepted, in the order of the table. */
export interface Effect {
  readonly n: number
  readonly id: string
  readonly epoch: number
}

export const EFFECTS = { id: { S: 'effects' } }
export const CHECKPOINT = 'worker'
