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
  /**
   * Returns the state of the lease of a checkpoint with a consistent read, and changes nothing. A store that
   * provides it supports leases with a time limit, which standby workers need: the options `leaseMs` and
   * `ifState` of {@link lease}, and {@link CheckpointLease.renew}.
   *
   * The library measures all times: the store only keeps `leaseMs`, and compares states. It must not end a
   * lease itself when its time is over.
   */
  leaseState?(name: string, options?: { readonly signal?: AbortSignal }): Promise<CheckpointLeaseState>
}

/** The state of the lease of a checkpoint, as a standby worker sees it. */
export interface CheckpointLeaseState {
  /**
   * Differs after every acquisition, save, renewal and release, and never returns to an earlier value. Its
   * form is up to the store.
   */
  readonly revision: string
  /** The fencing number of the current lease; 0 if the checkpoint was never acquired. */
  readonly epoch: number
  /** Identifies the current worker to people, if the store records it. */
  readonly owner?: string | undefined
  /**
   * The time limit of the current lease, in ms. 0 if the lease was released, or if there is no lease: it can
   * be acquired immediately. Undefined if the lease has no time limit.
   */
  readonly leaseMs: number | undefined
}

/** Options of `CheckpointStore.lease`. */
export interface CheckpointLeaseOptions {
  /** Aborts the calls that acquire the lease. It has no effect on the lease afterwards. */
  readonly signal?: AbortSignal | undefined
  /**
   * The time limit of the lease, in ms; 1 or more. The library renews the lease before it ends. Without it,
   * the lease ends only when it is released, or when another worker acquires it without `ifState`. Used only
   * with stores that provide `leaseState`.
   */
  readonly leaseMs?: number | undefined
  /**
   * Acquires the lease only if its state is still the one that `leaseState` returned. Otherwise rejects with
   * the `StreamError` `checkpoint.conflict` and changes nothing. The comparison and the acquisition must be
   * one atomic step. Without it, the lease is acquired immediately, whoever has it. Used only with stores
   * that provide `leaseState`.
   */
  readonly ifState?: CheckpointLeaseState | undefined
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
  /**
   * Renews a lease with a time limit: changes the revision of its state, and nothing else. Rejects with the
   * `StreamError` `checkpoint.conflict` if another worker has acquired the checkpoint. Can be called while
   * `save` is pending. Required from stores that provide `leaseState`.
   *
   * A renewal or save that is rejected must not take effect after a later one. If a call can hang, reject it
   * within a third of `leaseMs`, so that it can be repeated before the lease ends.
   */
  renew?(): Promise<void>
  /**
   * Releases the lease, so that a standby worker can acquire it immediately: `leaseState` then returns a
   * `leaseMs` of 0. Idempotent.
   */
  release(): Promise<void>
  /**
   * Aborts when the store detects, at a save or earlier, that another worker has acquired the checkpoint. The
   * reason is the `StreamError` `checkpoint.conflict`.
   */
  readonly lost: AbortSignal
}
