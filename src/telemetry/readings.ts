/** What a run has counted so far. The numbers only rise. */
export interface RunCounts {
  readonly records: number
  readonly handled: number
  readonly filtered: number
  readonly deadLettered: {
    readonly exhausted: number
    readonly aged: number
    readonly rejected: number
    readonly invalid: number
    readonly workerLost: number
  }
  readonly discarded: number
  readonly parked: number
  readonly lost: number
  readonly attempts: number
  readonly retries: number
}

/** How often the checkpoint was saved, and how often saving it has failed. The numbers only rise. */
export interface SaveCounts {
  readonly saved: number
  readonly failed: number
}

/** What is parked at present. */
export interface ParkedCounts {
  readonly parkedKeys: number
  readonly parkedRecords: number
}

/** What the metrics of a run are read from. Its members always have the present values. */
export interface RunReadings {
  readonly counts: RunCounts
  readonly saves: SaveCounts
  readonly parked: ParkedCounts
  readonly unsettled: number
  readonly isStalled: boolean
  readonly lagMs: number
  /** The age of the oldest unsettled record; 0 if all are settled. */
  readonly oldestUnsettledMs: number
}

/** What metrics are read from: the run, and what its telemetry counts itself. */
export interface MetricReadings {
  readonly run: RunReadings
  readonly failedAttempts: number
  readonly destinationFailures: number
}
