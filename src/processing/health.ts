/** The state of a run, for readiness checks and alerts. */
export interface ProcessingHealth {
  /**
   * - `'running'`: records are processed, or the run waits for records.
   * - `'paused'`: by `run.pause()`.
   * - `'stalled'`: no progress for `stallAfterMs`; see the event `stalled`. Do not use this state for a
   *   liveness probe, which would restart the worker in every outage of what its handler depends on.
   * - `'stopping'`: no record is started, and running handler calls are being awaited.
   * - `'stopped'`: the run has ended without an error.
   * - `'failed'`: the run has ended with an error, or is about to.
   */
  readonly state: 'running' | 'paused' | 'stalled' | 'stopping' | 'stopped' | 'failed'
  /** When a record was settled last; undefined before the first one. */
  readonly lastProgressAt: Date | undefined
  /** When the oldest unsettled record was written; undefined if all records are settled. */
  readonly oldestUnsettledAt: Date | undefined
}

/** The facts that the health of a run is derived from. Times are in ms since 1970. */
export interface HealthFacts {
  readonly hasFailed: boolean
  readonly hasEnded: boolean
  readonly isStopping: boolean
  readonly isPaused: boolean
  readonly isStalled: boolean
  readonly lastProgressAt: number | undefined
  readonly oldestUnsettledAt: number | undefined
}

/** Returns the health of a run. If several states apply, the one that lasts longest wins. */
export function healthOf(facts: HealthFacts): ProcessingHealth {
  return {
    state: stateOf(facts),
    lastProgressAt: toDate(facts.lastProgressAt),
    oldestUnsettledAt: toDate(facts.oldestUnsettledAt),
  }
}

function stateOf(facts: HealthFacts): ProcessingHealth['state'] {
  if (facts.hasFailed) return 'failed'
  if (facts.hasEnded) return 'stopped'
  if (facts.isStopping) return 'stopping'
  if (facts.isPaused) return 'paused'
  return facts.isStalled ? 'stalled' : 'running'
}

function toDate(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms)
}
