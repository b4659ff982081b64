import type { Now } from './failure-policy.ts'

/** Why a run makes no progress. */
export type StallReason =
  /**
   * Reading waits because of `maxUnsettled`, or nothing that is running or waiting for a retry has settled.
   */
  | 'unsettled'
  /** Reading waits because of `maxUnsettledBytes`. */
  | 'bytes'
  /** `maxFailingKeys` keys wait for a retry, so that no other key is started. */
  | 'failingKeys'
  /** Handler calls that ignore their signal after `handlerTimeoutMs` block their keys. */
  | 'abandoned'
  /** Records that were given up wait for a destination that does not accept them. */
  | 'destination'
  /** Records wait for the parking store. */
  | 'parking'
  /** The next stream of the table is not opened before all records of the former one are settled. */
  | 'nextStream'

/** The numbers that show whether a run makes progress, and what it waits for. */
export interface Load {
  /** The number of unsettled records. */
  readonly unsettled: number
  /** Their size, in bytes. */
  readonly unsettledBytes: number
  /** The number of lanes that wait for a retry or for a destination. */
  readonly failingLanes: number
  /** The number of handler calls that have not settled in time after their signal aborted. */
  readonly abandoned: number
  /** The number of lanes whose head waits for a destination. */
  readonly lanesAtDestination: number
  /** The number of records that wait until they are in the parking store. */
  readonly recordsAtParking: number
  /** Reading waits because one of the bounds has been reached. */
  readonly isReadingBlocked: boolean
  /** The stream has ended, and a next one is opened once everything is settled. */
  readonly isWaitingForNextStream: boolean
  /** No progress is expected: the run is paused or is being stopped. */
  readonly isHalted: boolean
}

/** The bounds, which are options of the run. */
export interface LoadLimits {
  readonly concurrency: number
  readonly maxUnsettledBytes: number
  readonly maxFailingKeys: number
  readonly stallAfterMs: number
}

/**
 * What a check found. `checkAt` is when to check again, on the monotonic clock, if nothing happens until
 * then.
 */
export type StallCheck =
  | { readonly change: 'none'; readonly checkAt: number | undefined }
  | {
      readonly change: 'stalled'
      readonly since: Date
      readonly reason: StallReason
      readonly checkAt: undefined
    }
  | { readonly change: 'unstalled'; readonly stalledForMs: number; readonly checkAt: number | undefined }

/**
 * Detects that a run makes no progress: for `stallAfterMs` no record was settled although some are unsettled,
 * or reading was blocked and no record was taken. A slow handler that finishes its records one by one is not
 * a stall, although reading is then blocked most of the time.
 *
 * It has neither a clock nor a timer. The run reports what happens, and calls `check` after each change and
 * when a check is due.
 */
export class StallWatch {
  readonly #limits: LoadLimits
  /** The times of the last progress of each kind, on the monotonic clock. */
  #settledAt: number
  #takenAt: number
  #isHalted = false
  /** When the progress that is missing was made last, if the run is stalled. */
  #stalledSince: number | undefined

  /** @param startedAt - when the run started, on the monotonic clock. */
  constructor(limits: LoadLimits, startedAt: number) {
    this.#limits = limits
    this.#settledAt = startedAt
    this.#takenAt = startedAt
  }

  get isStalled(): boolean {
    return this.#stalledSince !== undefined
  }

  /** A record was taken from the stream. `unsettled` is the number of unsettled records, with this one. */
  taken(unsettled: number, monotonic: number): void {
    this.#takenAt = monotonic
    // Nothing was missing while nothing was unsettled.
    if (unsettled === 1) this.#settledAt = monotonic
  }

  /** A record was settled. */
  settled(monotonic: number): void {
    this.#settledAt = monotonic
  }

  /** Decides whether the run has stalled, or makes progress again. */
  check(load: Load, now: Now): StallCheck {
    if (this.#isHalted && !load.isHalted) this.#restart(now.monotonic)
    this.#isHalted = load.isHalted
    const idleSince = this.#idleSince(load)
    const dueAt = idleSince === undefined ? undefined : idleSince + this.#limits.stallAfterMs
    if (idleSince === undefined || dueAt === undefined || dueAt > now.monotonic) {
      return this.#noStall(now.monotonic, dueAt)
    }
    if (this.#stalledSince !== undefined) return { change: 'none', checkAt: undefined }
    this.#stalledSince = idleSince
    const since = new Date(now.wall - (now.monotonic - idleSince))
    return { change: 'stalled', since, reason: reasonOf(load, this.#limits), checkAt: undefined }
  }

  #noStall(monotonic: number, checkAt: number | undefined): StallCheck {
    const since = this.#stalledSince
    if (since === undefined) return { change: 'none', checkAt }
    this.#stalledSince = undefined
    return { change: 'unstalled', stalledForMs: Math.round(monotonic - since), checkAt }
  }

  /** Since when progress has been missing that would be expected; undefined if none is expected. */
  #idleSince({ unsettled, isReadingBlocked, isHalted }: Load): number | undefined {
    if (isHalted || unsettled === 0) return undefined
    return isReadingBlocked ? Math.min(this.#settledAt, this.#takenAt) : this.#settledAt
  }

  #restart(monotonic: number): void {
    this.#settledAt = monotonic
    this.#takenAt = monotonic
  }
}

/**
 * Returns the most specific reason: what blocks a few keys is only the reason if nothing blocks all of them.
 */
function reasonOf(load: Load, limits: LoadLimits): StallReason {
  if (load.isWaitingForNextStream) return 'nextStream'
  if (load.abandoned >= limits.concurrency) return 'abandoned'
  const isDestinationToBlame = load.lanesAtDestination > load.failingLanes / 2
  if (load.failingLanes >= limits.maxFailingKeys && !isDestinationToBlame) return 'failingKeys'
  if (load.recordsAtParking > 0) return 'parking'
  if (load.lanesAtDestination > 0) return 'destination'
  if (load.abandoned > 0) return 'abandoned'
  return load.isReadingBlocked && load.unsettledBytes >= limits.maxUnsettledBytes ? 'bytes' : 'unsettled'
}
