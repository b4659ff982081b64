/** How long a run waits for the last save of the checkpoint, and for destinations to close (ms). */
const SAVE_MS = 10_000
const CLOSE_DESTINATIONS_MS = 2_000
/** How long handler calls have to end after their signal has aborted (ms). */
const ABANDON_MS = 2_000
/** For the end of the process, and for slow timers (ms). */
const RESERVE_MS = 1_000

export interface StopTimeouts {
  readonly drainTimeoutMs: number
  readonly abandonAfterMs: number
}

/**
 * Returns options of `processStream` with which a run ends within `stopMs`: the time between SIGTERM and
 * SIGKILL.
 *
 * ```text
 * drainTimeoutMs + abandonAfterMs + last save + destinations + reserve = stopMs
 *         15,000 +          2,000 +    10,000 +        2,000 +   1,000 = 30,000
 * ```
 */
export function stopTimeouts(stopMs: number): StopTimeouts {
  const drainTimeoutMs = stopMs - ABANDON_MS - SAVE_MS - CLOSE_DESTINATIONS_MS - RESERVE_MS
  if (!(drainTimeoutMs > 0)) throw new RangeError(`${stopMs} ms are too short: a run needs more than 15 s.`)
  return { drainTimeoutMs, abandonAfterMs: ABANDON_MS }
}
