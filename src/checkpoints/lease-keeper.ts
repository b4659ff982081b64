import type { Clock } from '../core/clock.ts'
import { endSentence } from '../core/end-sentence.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import type { StreamToken } from '../position/token.ts'
import type { AcquiredLease } from './lease.ts'
import { LeaseTerm, type Moment, momentOf } from './lease-term.ts'
import type { CheckpointLease } from './store.ts'

/** How often a lease is checked, as a share of its time limit. A failed renewal is repeated then. */
const CHECK_EVERY = 1 / 12

/** A lease with a time limit. */
export type RenewableLease = CheckpointLease & Required<Pick<CheckpointLease, 'renew'>>

export interface LeaseKeeperOptions {
  readonly name: string
  readonly leaseMs: number
  readonly clock: Clock
  /** When the call that acquired the lease was sent. */
  readonly sentAt: Moment
  /** Called after each failed renewal that will be repeated. Must not throw. */
  readonly onRetry: (retry: {
    readonly attempt: number
    readonly error: unknown
    readonly delayMs: number
  }) => void
}

/**
 * Renews a lease with a time limit, and ends it when it could not be renewed in time: {@link lost} then
 * aborts with `checkpoint.failed` before another worker can take over. Each save counts as a renewal.
 *
 * The timers alone are not enough: after a suspension, records can be delivered before a timer fires. So
 * {@link mayDeliver} must be called before each delivery.
 */
export class LeaseKeeper implements AcquiredLease {
  readonly token: unknown
  readonly epoch: number
  readonly #lease: RenewableLease
  readonly #options: LeaseKeeperOptions
  readonly #term: LeaseTerm
  readonly #lost = new AbortController()
  /** Resolve the promises of {@link renewed}. */
  readonly #waiting = new Set<() => void>()
  #isRenewing = false
  #isReleased = false
  #failedRenewals = 0
  #lastError: unknown
  #cancelTimer = (): void => {}

  constructor(lease: RenewableLease, options: LeaseKeeperOptions) {
    this.#lease = lease
    this.#options = options
    this.token = lease.token
    this.epoch = lease.epoch
    this.#term = new LeaseTerm(options.leaseMs, options.sentAt)
    if (lease.lost.aborted) this.#lose(lease.lost.reason)
    else lease.lost.addEventListener('abort', () => this.#lose(lease.lost.reason), { once: true })
    this.#checkAndSchedule()
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /**
   * Whether a record may be delivered now, according to the clocks. If not, {@link lost} has aborted, or the
   * worker was suspended: then the lease is being renewed, and {@link renewed} resolves afterwards.
   */
  get mayDeliver(): boolean {
    return this.#check(momentOf(this.#options.clock)) === 'deliver' && !this.lost.aborted
  }

  #check(now: Moment): 'deliver' | 'renew' | 'stop' {
    const verdict = this.#term.check(now)
    if (verdict === 'stop') this.#lose(this.#notRenewed())
    else if (verdict === 'renew' && !this.#isRenewing) void this.#renew(now)
    return verdict
  }

  /** Resolves when the lease has been renewed or lost, or when `signal` aborts. */
  renewed(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.mayDeliver || this.lost.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  async save(token: StreamToken): Promise<void> {
    this.lost.throwIfAborted()
    const sentAt = momentOf(this.#options.clock)
    await this.#lease.save(token)
    this.#renewedAt(sentAt)
  }

  /** Releases the lease, unless it was lost: the worker that takes over waits for its end anyway. */
  async release(): Promise<void> {
    this.#isReleased = true
    this.#cancelTimer()
    this.#wake()
    if (!this.lost.aborted) await this.#lease.release()
  }

  #checkAndSchedule(): void {
    if (this.#isOver) return
    const { clock, leaseMs } = this.#options
    const now = momentOf(clock)
    this.#check(now)
    if (this.lost.aborted) return
    if (!this.#isRenewing && this.#term.isRenewalDue(now)) void this.#renew(now)
    // A shorter delay may be lost to rounding, so that the clock would show the same time again, for ever.
    const delayMs = Math.max(1, Math.min(leaseMs * CHECK_EVERY, this.#term.remainingMs(now)))
    this.#cancelTimer = clock.setTimer(delayMs, () => this.#checkAndSchedule(), true)
  }

  /** Never rejects. A renewal that fails is repeated at the next check. */
  async #renew(sentAt: Moment): Promise<void> {
    this.#isRenewing = true
    try {
      await this.#lease.renew()
      this.#renewedAt(sentAt)
    } catch (error) {
      if (isStreamError(error, 'checkpoint.conflict')) this.#lose(error)
      else if (!this.#isOver) this.#renewalFailed(error)
    } finally {
      this.#isRenewing = false
    }
  }

  #renewedAt(sentAt: Moment): void {
    this.#term.renewed(sentAt)
    this.#failedRenewals = 0
    this.#lastError = undefined
    if (this.mayDeliver) this.#wake()
  }

  #renewalFailed(error: unknown): void {
    this.#lastError = error
    const { leaseMs, onRetry } = this.#options
    onRetry({ attempt: ++this.#failedRenewals, error, delayMs: leaseMs * CHECK_EVERY })
  }

  #lose(reason: unknown): void {
    if (this.#isOver) return
    this.#cancelTimer()
    this.#lost.abort(reason)
    this.#wake()
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done()
  }

  get #isOver(): boolean {
    return this.#isReleased || this.lost.aborted
  }

  #notRenewed(): StreamError<'checkpoint.failed'> {
    const { name, leaseMs } = this.#options
    const error = this.#lastError
    const why =
      error === undefined
        ? 'the process was suspended, its event loop was blocked, the system clock was set forward, or the store did not respond'
        : error instanceof Error
          ? error.message
          : `the store rejected with ${String(error)}`
    const message =
      `The lease of the checkpoint "${name}" could not be renewed within its ${leaseMs} ms: ${endSentence(why)} ` +
      'This worker stops, because another one may take over.'
    return new StreamError('checkpoint.failed', message, { name, operation: 'renew' }, error)
  }
}
