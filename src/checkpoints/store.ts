import type { StreamToken } from '../position/token.ts'

/**
 * Stores checkpoints: one token per name. A store returns tokens exactly as they were saved, and need not
 * understand them. The library makes calls for one name one at a time.
 *
 * A damaged checkpoint must be an error, never "no checkpoint": without a checkpoint a stream starts at
 * `startAt`, which may be `latest`, and records would be lost.
 */
export interface CheckpointStore {
  /**
   * Returns the token last saved under `name`, or `undefined` if nothing has been saved.
   *
   * The library validates the token field by field, so a store need not do so. A caller that loads a
   * checkpoint is about to save it: a fenced store acquires the checkpoint for this caller.
   */
  load(name: string): Promise<unknown>
  /**
   * Replaces the saved token durably and atomically: a reader sees either the old token or the new one.
   *
   * Rejects with the `StreamError` `checkpoint.conflict` if another worker has acquired the checkpoint, in
   * stores that detect this. Any other rejection is retried. A rejected save must not take effect later,
   * after another save has succeeded: if a timeout in the store can leave a write in flight, make that write
   * conditional.
   */
  save(name: string, token: StreamToken): Promise<void>
  /**
   * Returns the token last saved under `name` without acquiring the checkpoint: for command-line tools,
   * dashboards and standby workers.
   * @default `load`
   */
  peek?(name: string): Promise<unknown>
  /**
   * Acquires the checkpoint as `load` does, and returns a lease: the right to save it. `openStream` uses
   * `lease` if the store provides it. Unlike `load` and `save`, leases also distinguish two streams in one
   * process that share a store and a name.
   */
  lease?(name: string, options?: CheckpointLeaseOptions): Promise<CheckpointLease>
}

/** Options of `CheckpointStore.lease`. */
export interface CheckpointLeaseOptions {
  /** Aborts the calls that acquire the lease. It has no effect on the lease afterwards. */
  readonly signal?: AbortSignal | undefined
}

/** The right to save one checkpoint, until another worker acquires it. */
export interface CheckpointLease {
  /** The token last saved, or `undefined` if nothing has been saved. */
  readonly token: unknown
  /**
   * The fencing number: an integer greater than that of every earlier lease of this checkpoint. Make side
   * effects conditional on it if a worker that has lost its lease must not overwrite those of its successor.
   */
  readonly epoch: number
  /**
   * Replaces the saved token: see {@link CheckpointStore.save}. Rejects with the `StreamError`
   * `checkpoint.conflict` if another worker has acquired the checkpoint, and with `closed` after
   * {@link release}.
   */
  save(token: StreamToken): Promise<void>
  /** Releases the lease. Idempotent. */
  release(): Promise<void>
  /**
   * Aborts when the store detects, at a save or earlier, that another worker has acquired the checkpoint. The
   * reason is the `StreamError` `checkpoint.conflict`.
   */
  readonly lost: AbortSignal
}
