import { backoffMs } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import type { StreamToken } from '../position/token.ts'
import { releaseCheckpoint } from './lease.ts'
import type { CheckpointLease } from './store.ts'

/** The wait before a failed save is tried again. Full jitter: see {@link backoffMs}. */
const RETRY = { baseMs: 100, capMs: 5_000 } as const

/** How long a flush goes on trying, in ms: well within the 30 s that a container is given to stop. */
export const FLUSH_TIMEOUT_MS = 10_000

export interface CheckpointRetry {
  /** How many saves have failed in a row; 1 or more. */
  readonly attempt: number
  readonly error: unknown
  /** The wait until the next one, in ms. */
  readonly delayMs: number
}

export interface CheckpointerOptions {
  readonly lease: Pick<CheckpointLease, 'save' | 'lost' | 'release'>
  readonly name: string
  /** Save after so many records done. An integer, 1 or more. */
  readonly everyRecords: number
  /** Save at the latest so long after a change, in ms. */
  readonly everyMs: number
  readonly clock: Clock
  readonly random: () => number
  /** The token that covers what is done, and nothing else, whenever it is asked for. Must not throw. */
  readonly tokenOf: () => StreamToken
  /** Called after each save. Must not throw. */
  readonly onSaved?: ((token: StreamToken) => void) | undefined
  /** Called after each failed save that will be tried again. Must not throw. */
  readonly onRetry?: ((retry: CheckpointRetry) => void) | undefined
  /** How long a flush goes on trying, in ms. @default 10_000 */
  readonly flushTimeoutMs?: number | undefined
}

/**
 * Saves a stream's token by count and by time.
 *
 * One save at a time, each with the token of the moment when it starts: never an older one after a newer one, and what
 * happens during a save is covered by the next one. A failing store is asked again for as long as it takes. The only
 * end to that is {@link Checkpointer.failure}: another worker holds the checkpoint.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions
  /** Counts the changes of the token. */
  #revision = 0
  /** The change up to which it was saved, and that up to which it must be saved without delay. */
  #savedRevision = 0
  #dueRevision = 0
  /** Records done since a token was last taken. If that could not be saved, the next one is due anyway. */
  #newRecords = 0
  #isSaving = false
  #isStopped = false
  #failure: unknown
  /** Of the last save, until one succeeds. */
  #lastFailure: { readonly error: unknown } | undefined
  /** The error of the last flush, and the change up to which it was to save; until a save succeeds. */
  #failedFlush: { readonly error: StreamError; readonly revision: number } | undefined
  /** Cancels the timer of the next save by time. */
  #cancelTimer: (() => void) | undefined
  /** Ends the wait before the next try. */
  #retryNow: (() => void) | undefined
  readonly #watchers = new Set<() => void>()
  #closing: Promise<void> | undefined

  constructor(options: CheckpointerOptions) {
    this.#options = options
    const { lost } = options.lease
    // It may have been lost while the stream was being opened.
    if (lost.aborted) this.#fail(lost.reason)
    else lost.addEventListener('abort', () => this.#fail(lost.reason), { once: true })
  }

  /** Why no more checkpoints are saved, usually `checkpoint.conflict`; `undefined` while all is well. */
  get failure(): unknown {
    return this.#failure
  }

  /** To be called when the token has changed without a record having been processed: a shard has ended, say. */
  positionChanged(): void {
    this.recordsProcessed(0)
  }

  /** To be called when `count` more records have been processed. */
  recordsProcessed(count: number): void {
    this.#revision++
    this.#newRecords += count
    if (this.#newRecords >= this.#options.everyRecords) this.#dueRevision = this.#revision
    this.#schedule()
  }

  /**
   * Resolves when all that was told before this call is saved; at once if it is already.
   *
   * @param signal ends it early, as the time-out does.
   * @throws StreamError `checkpoint.failed`, with the store's error as cause, when it did not succeed in
   * {@link FLUSH_TIMEOUT_MS}; the tries go on. `checkpoint.conflict` when another worker holds the checkpoint.
   */
  async flush(signal?: AbortSignal): Promise<void> {
    const revision = this.#revision
    this.#dueRevision = revision
    this.#retryNow?.()
    this.#schedule()
    await this.#waitFor(() => this.#savedRevision >= revision || this.#isStopped, signal)
    if (this.#failure !== undefined) throw this.#failure
    if (this.#savedRevision < revision) {
      const error = this.#flushFailed(signal)
      this.#failedFlush = { error, revision }
      throw error
    }
  }

  /**
   * Flushes, releases the checkpoint and stops: afterwards nothing is saved and no timer is left. Idempotent. Rejects as
   * `flush` does; at once with the same error where a flush has failed, no save has succeeded since and nothing else has
   * happened.
   */
  close(signal?: AbortSignal): Promise<void> {
    this.#closing ??= this.#close(signal)
    return this.#closing
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    try {
      const { error, revision } = this.#failedFlush ?? {}
      if (error && revision === this.#revision && this.#failure === undefined) throw error
      await this.flush(signal)
    } finally {
      this.stop()
      await releaseCheckpoint(this.#options.lease, this.#options.clock)
    }
  }

  #schedule(): void {
    if (this.#isSaving || this.#isStopped || this.#savedRevision === this.#revision) return
    if (this.#isDue()) void this.#saveWhileDue()
    else this.#cancelTimer ??= this.#options.clock.setTimer(this.#options.everyMs, () => this.#timeIsUp())
  }

  #isDue(): boolean {
    return this.#dueRevision > this.#savedRevision
  }

  #timeIsUp(): void {
    this.#cancelTimer = undefined
    this.#dueRevision = this.#revision
    this.#schedule()
  }

  /** Never rejects: what cannot be overcome becomes the failure. */
  async #saveWhileDue(): Promise<void> {
    this.#isSaving = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    try {
      for (let attempt = 0; this.#isDue() && !this.#isStopped; ) {
        attempt = (await this.#trySave()) ? 0 : await this.#waitToRetry(attempt + 1)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isSaving = false
    }
    this.#notify()
    this.#schedule()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.stop()
  }

  /** Whether it succeeded. */
  async #trySave(): Promise<boolean> {
    const { lease, tokenOf, onSaved } = this.#options
    const revision = this.#revision
    const token = tokenOf()
    this.#newRecords = 0
    try {
      await lease.save(token)
    } catch (error) {
      if (isStreamError(error, 'checkpoint.conflict')) throw error
      this.#lastFailure = { error }
      return false
    }
    this.#lastFailure = undefined
    this.#failedFlush = undefined
    this.#savedRevision = revision
    if (!this.#isStopped) onSaved?.(token)
    this.#notify()
    return true
  }

  /** Resolves to `attempt`, when it is time for the next one. */
  async #waitToRetry(attempt: number): Promise<number> {
    if (this.#isStopped) return attempt
    const { clock, random, onRetry } = this.#options
    const delayMs = backoffMs(attempt, RETRY, random)
    onRetry?.({ attempt, error: this.#lastFailure?.error, delayMs })
    const wait = new AbortController()
    this.#retryNow = () => wait.abort()
    await sleep(clock, delayMs, wait.signal)
    this.#retryNow = undefined
    return attempt
  }

  /** Resolves when the condition holds, or the time of a flush is over, or `signal` aborts. */
  async #waitFor(condition: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    const fulfilled = new AbortController()
    const check = () => {
      if (condition()) fulfilled.abort()
    }
    this.#watchers.add(check)
    check()
    const end = signal ? AbortSignal.any([fulfilled.signal, signal]) : fulfilled.signal
    await sleep(this.#options.clock, this.#options.flushTimeoutMs ?? FLUSH_TIMEOUT_MS, end)
    this.#watchers.delete(check)
  }

  #notify(): void {
    for (const check of this.#watchers) check()
  }

  /** Saves nothing any more, not even what is not saved yet, and leaves no timer. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#retryNow?.()
    this.#notify()
  }

  #flushFailed(signal: AbortSignal | undefined): StreamError<'checkpoint.failed'> {
    const { name, flushTimeoutMs = FLUSH_TIMEOUT_MS } = this.#options
    const failure = this.#lastFailure ?? (signal?.aborted ? { error: signal.reason } : undefined)
    const cause = failure?.error
    const when = signal?.aborted ? 'before it was aborted' : `within ${flushTimeoutMs} ms`
    const why = failure === undefined ? 'the store did not answer' : reasonOf(cause)
    const message = `The checkpoint "${name}" could not be saved ${when}: ${why}`
    return new StreamError('checkpoint.failed', message, { name, operation: 'save' }, cause)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : `the store rejected with ${String(error)}`
}
