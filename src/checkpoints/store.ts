import type { StreamToken } from '../position/token.ts'

/**
 * Where checkpoints are stored: one token per name. A store returns whole tokens as they were saved; it does not look into
 * them. Calls for one name are made one after another.
 *
 * What is damaged must be an error, never "no checkpoint": a stream without a checkpoint starts at `startAt`, which may be
 * `latest`.
 */
export interface CheckpointStore {
  /**
   * Returns the token last saved under `name`; `undefined` if nothing was saved. It is checked field by field before it is used,
   * so a store need not validate it. Whoever loads a checkpoint is about to save it: a fenced store takes it over.
   */
  load(name: string): Promise<unknown>
  /**
   * Replaces the saved token, durably and whole: a reader sees the old one or the new one.
   *
   * Rejects with `StreamError` `checkpoint.conflict` when another worker has taken the name over (stores that can tell); any
   * other rejection is retried. A save that was rejected must not take effect later, once another one has succeeded: a
   * store whose own time-out leaves a write running has to make the write conditional.
   */
  save(name: string, token: StreamToken): Promise<void>
  /**
   * Returns the token last saved under `name` without taking it over: for command lines, dashboards and stand-bys.
   * @default `load`
   */
  peek?(name: string): Promise<unknown>
  /**
   * Takes the checkpoint over, as `load` does, and returns the right to save it. `openStream` uses it where a store has it:
   * two streams of one process that share a store and a name are kept apart, which `load` and `save` cannot do.
   */
  lease?(name: string, options?: CheckpointLeaseOptions): Promise<CheckpointLease>
}

export interface CheckpointLeaseOptions {
  /** Aborts the calls of `lease` itself; the lease does not depend on it afterwards. */
  readonly signal?: AbortSignal | undefined
}

/** The right to save one checkpoint, until another worker takes it over. */
export interface CheckpointLease {
  /** The token that was saved last; `undefined` if nothing was saved. */
  readonly token: unknown
  /**
   * The fencing number: greater than that of every lease of this checkpoint before. Effects that must not be undone by a
   * worker that was replaced can be made conditional on it.
   */
  readonly epoch: number
  /** See {@link CheckpointStore.save}. */
  save(token: StreamToken): Promise<void>
  /** Gives the right up. Saving afterwards rejects with `closed`. Idempotent. */
  release(): Promise<void>
  /** Aborts, with the `StreamError` `checkpoint.conflict` as reason, once it is known that another worker has taken over. */
  readonly lost: AbortSignal
}
