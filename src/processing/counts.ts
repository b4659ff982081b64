import { inspect } from 'node:util'
import type { Clock } from '../core/clock.ts'

/** How a record left the processing layer. Only a record that is `lost` was not delivered to the run. */
export type Fate =
  /** The handler, or every task, has succeeded. */
  | 'handled'
  /** `filters` or `filter` excluded it. */
  | 'filtered'
  /** Its dead letter was accepted, by the reason for giving it up. */
  | GivenUpFate
  /** It is in the parking store. */
  | 'parked'
  /** It was given up, and `onFailure` is `'discard'`, or it was dropped from the parking store. */
  | 'discarded'
  /** It was trimmed while it was unsettled, before this run could read it again. */
  | 'lost'

/** Why a record was given up, as {@link ProcessingSummary} counts it. */
export type GivenUpFate = keyof ProcessingSummary['deadLettered']

/**
 * What a run has done so far. Each record is counted once, also if several of its tasks were given up, so
 * `records` is the sum of `handled`, `filtered`, `discarded`, `parked`, the members of `deadLettered`, and
 * the records that are still unsettled.
 */
export interface ProcessingSummary {
  /**
   * The number of records that were delivered to the run, from the stream or the parking store. A record that
   * is redelivered in the same run counts again; one that an earlier run has settled does not count.
   */
  readonly records: number
  /** The number of records whose handler, or every task, has succeeded. */
  readonly handled: number
  /** The number of records that `filters` or `filter` excluded. */
  readonly filtered: number
  /** The numbers of records whose dead letter a destination has accepted, by condition. */
  readonly deadLettered: {
    /** Condition `RetryAttemptsExhausted`. */
    readonly exhausted: number
    /** Condition `RecordAgeExceeded`. */
    readonly aged: number
    /** Condition `Rejected`. */
    readonly rejected: number
    /** Condition `Invalid`. */
    readonly invalid: number
    /** Condition `WorkerLost`. */
    readonly workerLost: number
  }
  /**
   * The number of records that were given up without a dead letter, because `onFailure` is `'discard'`, or
   * that were dropped from the parking store after they were read from it.
   */
  readonly discarded: number
  /**
   * The number of records that were parked. Those of a key that is released are read from the parking store,
   * and count again: in `records`, and by what becomes of them.
   */
  readonly parked: number
  /**
   * The number of unsettled records of an earlier run that were trimmed before this run could read them
   * again. They are not part of `records`.
   */
  readonly lost: number
  /**
   * The number of attempts that were started, per record: a batch of 10 records counts 10. It includes
   * attempts that do not count, such as those for which `classify` returned `'wait'`.
   */
  readonly attempts: number
  /** The number of those attempts that were not the first one of their record. */
  readonly retries: number
  /** The number of calls of a batch handler; 0 for the other forms. */
  readonly batches: number
  /** How long the run has lasted, or had lasted when it ended, in ms. */
  readonly elapsedMs: number
}

/**
 * The counters of one run.
 *
 * @internal
 */
export class Counters {
  readonly #clock: Clock
  readonly #startedAt: number
  #endedAt: number | undefined
  #records = 0
  #attempts = 0
  #retries = 0
  #batches = 0
  readonly #fates: Record<Fate, number> = {
    handled: 0,
    filtered: 0,
    exhausted: 0,
    aged: 0,
    rejected: 0,
    invalid: 0,
    workerLost: 0,
    parked: 0,
    discarded: 0,
    lost: 0,
  }

  /** A read-only view whose members always have the current values. */
  readonly live: ProcessingSummary

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.monotonic()
    this.live = this.#createView()
  }

  /** A record was delivered to the run. */
  delivered(): void {
    this.#records++
  }

  /** An attempt of a record was started. `attempt` is 1 for its first one, in whichever run that was. */
  attemptStarted(attempt: number): void {
    this.#attempts++
    if (attempt > 1) this.#retries++
  }

  /** A batch handler was called. */
  batchStarted(): void {
    this.#batches++
  }

  /** `count` records were settled, or are `lost`. */
  settled(fate: Fate, count = 1): void {
    this.#fates[fate] += count
  }

  /** The run has ended: `elapsedMs` no longer changes. */
  ended(): void {
    this.#endedAt ??= this.#clock.monotonic()
  }

  /** The number of delivered records that have no fate yet. */
  get unsettled(): number {
    const { lost, ...settled } = this.#fates
    return Object.values(settled).reduce((rest, count) => rest - count, this.#records)
  }

  /** A copy of the present values. */
  snapshot(): ProcessingSummary {
    return { ...this.live, deadLettered: { ...this.live.deadLettered } }
  }

  #createView(): ProcessingSummary {
    const self = this
    return printable({
      get records() {
        return self.#records
      },
      get handled() {
        return self.#fates.handled
      },
      get filtered() {
        return self.#fates.filtered
      },
      deadLettered: printable({
        get exhausted() {
          return self.#fates.exhausted
        },
        get aged() {
          return self.#fates.aged
        },
        get rejected() {
          return self.#fates.rejected
        },
        get invalid() {
          return self.#fates.invalid
        },
        get workerLost() {
          return self.#fates.workerLost
        },
      }),
      get discarded() {
        return self.#fates.discarded
      },
      get parked() {
        return self.#fates.parked
      },
      get lost() {
        return self.#fates.lost
      },
      get attempts() {
        return self.#attempts
      },
      get retries() {
        return self.#retries
      },
      get batches() {
        return self.#batches
      },
      get elapsedMs() {
        return Math.round((self.#endedAt ?? self.#clock.monotonic()) - self.#startedAt)
      },
    })
  }
}

/** Freezes an object with getters, of which console.log shows the values. By default, it shows `[Getter]`. */
function printable<T extends object>(view: T): Readonly<T> {
  return Object.freeze(Object.defineProperty(view, inspect.custom, { value: () => ({ ...view }) }))
}
