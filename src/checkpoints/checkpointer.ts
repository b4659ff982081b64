import { backoffMs } from '../core/backoff.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { endSentence } from '../core/end-sentence.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import type { StreamToken } from '../position/token.ts'
import { type AcquiredLease, releaseCheckpoint } from './lease.ts'
import { isLargeToken } from './token-size.ts'

/** The delay before a failed save is retried, with full jitter: see {@link backoffMs}. */
const RETRY = { baseMs: 100, capMs: 5_000 } as const

/** How long a flush waits for a successful save, in ms: well within the 30 s that a container has to stop. */
export const FLUSH_TIMEOUT_MS = 10_000

export interface CheckpointRetry {
  /** The number of attempts that have failed in a row; 1 or more. */
  readonly attempt: number
  readonly error: unknown
  /** The delay before the next attempt, in ms. */
  readonly delayMs: number
}

export interface CheckpointerOptions {
  readonly lease: Pick<AcquiredLease, 'save' | 'lost' | 'release'> & Partial<AcquiredLease>
  readonly name: string
  /** Save after this many processed records, unless the token is large. An integer, 1 or more. */
  readonly everyRecords: number
  /** Save no later than this long after a change, in ms. */
  readonly everyMs: number
  readonly clock: Clock
  readonly random: () => number
  /** Returns the token that covers exactly the records processed so far. Must not throw. */
  readonly tokenOf: () => StreamToken
  /** Called after each save. Must not throw. */
  readonly onSaved?: ((token: StreamToken) => void) | undefined
  /** Called after each failed save that will be retried. Must not throw. */
  readonly onRetry?: ((retry: CheckpointRetry) => void) | undefined
  /** How long a flush waits for a successful save, in ms. @default 10_000 */
  readonly flushTimeoutMs?: number | undefined
}

/**
 * Saves a stream's token after a number of records or after a time, whichever comes first. A large token is
 * saved after a time only: at a high rate of records, saving it by their number would cost more than reading
 * the stream.
 *
 * Saves run one at a time, and each takes the token when it starts. So an older token never replaces a newer
 * one, and records processed during a save are covered by the next. A failed save is retried indefinitely,
 * unless another worker has acquired the checkpoint: see {@link Checkpointer.failure}.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions
  /** The number of changes to the token so far. */
  #revision = 0
  /** The last revision that has been saved. */
  #savedRevision = 0
  /** The last revision that must be saved without delay. */
  #dueRevision = 0
  /**
   * Records processed since the last save started. It need not be restored if that save fails: a retry is due
   * anyway.
   */
  #newRecords = 0
  /** Whether the last token that was to be saved was large. Such a token is saved by time only. */
  #isLarge = false
  #isSaving = false
  #isStopped = false
  #failure: unknown
  readonly #lost = new AbortController()
  /** The error of the last save; cleared when a save succeeds. */
  #lastFailure: { readonly error: unknown } | undefined
  /** The error of the last flush, and the revision it waited for; cleared when a save succeeds. */
  #failedFlush: { readonly error: StreamError; readonly revision: number } | undefined
  /** Cancels the timer that saves after `everyMs`. */
  #cancelTimer: (() => void) | undefined
  /** Ends the delay before the next attempt. */
  #retryNow: (() => void) | undefined
  readonly #watchers = new Set<() => void>()
  #saved = 0
  #failed = 0
  #closing: Promise<void> | undefined

  constructor(options: CheckpointerOptions) {
    this.#options = options
    const { lost } = options.lease
    // The lease may have been lost while the stream was being opened.
    if (lost.aborted) this.fail(lost.reason)
    else lost.addEventListener('abort', () => this.fail(lost.reason), { once: true })
  }

  /**
   * The error that stopped saving, usually `checkpoint.conflict`; `undefined` while saving works or is
   * retried.
   */
  get failure(): unknown {
    return this.#failure
  }

  /** Aborts when saving stops because of an error. The reason is the {@link failure}. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** The name of the checkpoint. */
  get name(): string {
    return this.#options.name
  }

  /** The fencing number of the lease; undefined if the store has no leases. */
  get epoch(): number | undefined {
    return this.#options.lease.epoch
  }

  /**
   * Whether a record may be delivered now. If not, the {@link failure} is set, or the lease is being renewed
   * after a suspension: then wait for {@link renewed}. Cheap for leases without a time limit.
   */
  get mayDeliver(): boolean {
    return this.#options.lease.mayDeliver ?? true
  }

  /** Resolves when the lease has been renewed or lost, or when `signal` aborts. */
  async renewed(signal: AbortSignal): Promise<void> {
    await this.#options.lease.renewed?.(signal)
  }

  /** How many saves have succeeded and failed so far. */
  get saveCounts(): { readonly saved: number; readonly failed: number } {
    return { saved: this.#saved, failed: this.#failed }
  }

  /**
   * Reports that the token has changed although no record was processed, such as when a shard is finished.
   */
  positionChanged(): void {
    this.recordsProcessed(0)
  }

  /** Reports that `count` more records have been processed. */
  recordsProcessed(count: number): void {
    this.#revision++
    this.#newRecords += count
    if (this.#newRecords >= this.#options.everyRecords && !this.#isLarge) this.#dueRevision = this.#revision
    this.#schedule()
  }

  /**
   * Saves now, and resolves once everything reported before this call has been saved; immediately if it
   * already has.
   *
   * @param signal - ends the wait early, in the same way as the timeout.
   * @throws StreamError `checkpoint.failed`, with the store's error as its cause, if no save has succeeded
   * within `flushTimeoutMs`; saving continues to be retried. `checkpoint.conflict` if another worker has
   * acquired the checkpoint.
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
   * Flushes, stops and releases the lease: nothing is saved afterwards, and no timer is left. Idempotent.
   *
   * Rejects as `flush` does. If an earlier flush has failed, and since then no save has succeeded and nothing
   * has changed, it rejects with that error immediately instead of waiting again.
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
    else this.#cancelTimer ??= this.#options.clock.setTimer(this.#options.everyMs, () => this.#onTimer())
  }

  #isDue(): boolean {
    return this.#dueRevision > this.#savedRevision
  }

  #onTimer(): void {
    this.#cancelTimer = undefined
    this.#dueRevision = this.#revision
    this.#schedule()
  }

  /** Never rejects: an error that cannot be retried becomes {@link failure}. */
  async #saveWhileDue(): Promise<void> {
    this.#isSaving = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    try {
      for (let attempt = 0; this.#isDue() && !this.#isStopped; ) {
        attempt = (await this.#trySave()) ? 0 : await this.#waitToRetry(attempt + 1)
      }
    } catch (error) {
      this.fail(error)
    } finally {
      this.#isSaving = false
    }
    this.#notify()
    this.#schedule()
  }

  /** Stops saving for good: `error` becomes the {@link failure}, unless there is one. */
  fail(error: unknown): void {
    this.#failure ??= error
    this.stop()
    this.#lost.abort(this.#failure)
  }

  /** Returns whether the save succeeded. */
  async #trySave(): Promise<boolean> {
    const { lease, tokenOf, onSaved } = this.#options
    const revision = this.#revision
    const token = tokenOf()
    this.#isLarge = isLargeToken(token)
    this.#newRecords = 0
    try {
      await lease.save(token)
    } catch (error) {
      this.#failed++
      if (isStreamError(error, 'checkpoint.conflict')) throw error
      this.#lastFailure = { error }
      return false
    }
    this.#saved++
    this.#lastFailure = undefined
    this.#failedFlush = undefined
    this.#savedRevision = revision
    if (!this.#isStopped) onSaved?.(token)
    this.#notify()
    return true
  }

  /** Waits until the next attempt is due, and returns `attempt`. */
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

  /** Resolves when `condition` is true, when the flush times out, or when `signal` aborts. */
  async #waitFor(condition: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    const fulfilled = new AbortController()
    const check = () => {
      if (condition()) fulfilled.abort()
    }
    this.#watchers.add(check)
    check()
    // Not AbortSignal.any: on Node 20 a long-lived signal retains every signal that is derived from it.
    const abort = () => fulfilled.abort()
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)
    await sleep(this.#options.clock, this.#options.flushTimeoutMs ?? FLUSH_TIMEOUT_MS, fulfilled.signal)
    signal?.removeEventListener('abort', abort)
    this.#watchers.delete(check)
  }

  #notify(): void {
    for (const check of this.#watchers) check()
  }

  /** Stops without a last save, and leaves no timer. */
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
    const when = signal?.aborted ? 'before it was aborted' : `within ${flushTimeoutMs / 1000} s`
    const why = failure === undefined ? 'the store did not respond' : reasonOf(cause)
    const message = `The checkpoint "${name}" could not be saved ${when}: ${why}`
    return new StreamError('checkpoint.failed', endSentence(message), { name, operation: 'save' }, cause)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : `the store rejected with ${String(error)}`
}
