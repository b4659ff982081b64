import type { Clock } from '../core/clock.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { callHandler } from './attempt-calls.ts'
import { Deadlines } from './attempt-deadlines.ts'
import type { AttemptOutcome, AttemptRecord, BatchOutcome, RecordOutcome } from './attempt-outcome.ts'
import { AttemptScope } from './attempt-scope.ts'
import type { Work } from './handler.ts'
import { RecordValidator, type Schemas } from './schema.ts'

export interface AttemptOptions {
  readonly clock: Clock
  readonly handlerTimeoutMs: number | undefined
  /** How long after its timeout an attempt is reported as abandoned, in ms. */
  readonly abandonAfterMs: number
  readonly schema: Schemas | undefined
  readonly observer?: AttemptObserver | undefined
}

/** Surrounds the calls of user code. */
export interface AttemptObserver {
  /** Calls `call` exactly once, synchronously, and returns its promise, which is never rejected. */
  observe(
    records: readonly AttemptRecord[],
    call: () => Promise<RecordOutcome | BatchOutcome>,
  ): Promise<RecordOutcome | BatchOutcome>
}

/** What happens to an attempt. Neither method is called before {@link Attempts.start} has returned. */
export interface AttemptListener {
  /** The attempt has ended: all promises of the handler have settled. Called exactly once, if ever. */
  ended(outcome: AttemptOutcome): void
  /** The handler ignores that it was aborted because of the timeout. The attempt may still end. */
  abandoned(runningForMs: number): void
}

/** An attempt that has been started. */
export interface RunningAttempt {
  /**
   * Aborts the signal of the handler, with `reason` unless the timeout has aborted it already, and stops
   * watching the timeout. The attempt still ends when the handler settles; the caller decides whether that
   * outcome counts.
   */
  abort(reason: unknown): void
}

/**
 * Runs attempts: calls the schema and the handler, and watches the timeout. A handler that ignores its signal
 * cannot be stopped, so its attempt ends when its promise settles, and that result counts, even after the
 * timeout: a second attempt must not run concurrently with the first one.
 */
export class Attempts {
  readonly #work: Work
  readonly #clock: Clock
  readonly #validator: RecordValidator | undefined
  readonly #observer: AttemptObserver | undefined
  readonly #timeouts: Deadlines<Attempt> | undefined
  readonly #abandonments: Deadlines<Attempt>

  constructor(work: Work, { clock, handlerTimeoutMs, abandonAfterMs, schema, observer }: AttemptOptions) {
    this.#work = work
    this.#clock = clock
    this.#observer = observer
    this.#validator = schema && new RecordValidator(schema)
    this.#abandonments = new Deadlines(clock, abandonAfterMs, ({ listener, startedAt }) => {
      listener.abandoned(clock.monotonic() - startedAt)
    })
    if (handlerTimeoutMs === undefined) return
    this.#timeouts = new Deadlines(clock, handlerTimeoutMs, (attempt) => {
      this.#abandonments.add(attempt)
      attempt.scope.timeOut(handlerTimeoutMs)
    })
  }

  /**
   * Starts an attempt. Without a schema, the handler is called synchronously, so user code can call other
   * methods of the run before this one returns.
   *
   * @param records - one record or, for a batch handler, one or more of the same shard.
   * @param epoch - see `RecordContext.epoch`.
   */
  start(
    records: readonly AttemptRecord[],
    epoch: number | undefined,
    listener: AttemptListener,
  ): RunningAttempt {
    const startedAt = this.#timeouts === undefined ? 0 : this.#clock.monotonic()
    const attempt = new Attempt(this, listener, new AttemptScope(epoch), startedAt)
    const outcome =
      this.#observer === undefined
        ? this.#call(records, attempt.scope)
        : this.#observer.observe(records, () => this.#call(records, attempt.scope))
    this.#timeouts?.add(attempt)
    void this.#report(attempt, outcome)
    return attempt
  }

  #call(records: readonly AttemptRecord[], scope: AttemptScope): Promise<RecordOutcome | BatchOutcome> {
    return callHandler(this.#work, this.#validator, records, scope)
  }

  /** The record as the handler receives it: with the output of the schema, if it was validated. */
  viewOf(record: StreamRecord): StreamRecord {
    return this.#validator?.viewOf(record) ?? record
  }

  /** Stops watching timeouts. Running attempts still end. */
  close(): void {
    this.#timeouts?.clear()
    this.#abandonments.clear()
  }

  async #report(attempt: Attempt, pending: Promise<RecordOutcome | BatchOutcome>): Promise<void> {
    const outcome = await pending
    this.unwatch(attempt)
    attempt.listener.ended('kind' in outcome ? outcome : { kind: 'record', outcome })
  }

  /** Stops watching the timeout of an attempt. */
  unwatch(attempt: Attempt): void {
    if (this.#timeouts === undefined) return
    this.#timeouts.delete(attempt)
    this.#abandonments.delete(attempt)
  }
}

class Attempt implements RunningAttempt {
  readonly #attempts: Attempts
  readonly listener: AttemptListener
  readonly scope: AttemptScope
  /** When the attempt started, in monotonic ms; 0 without a timeout. */
  readonly startedAt: number

  constructor(attempts: Attempts, listener: AttemptListener, scope: AttemptScope, startedAt: number) {
    this.#attempts = attempts
    this.listener = listener
    this.scope = scope
    this.startedAt = startedAt
  }

  abort(reason: unknown): void {
    this.#attempts.unwatch(this)
    this.scope.abort(reason)
  }
}
