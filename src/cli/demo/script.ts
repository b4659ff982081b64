import type { Disturbance } from './demo-table.ts'

/** A step of the demo. `afterMs` is the time since the previous step. */
export type Step = { readonly afterMs: number } & (
  | { readonly step: 'disturb'; readonly disturbance: Disturbance }
  | { readonly step: 'kill' | 'resume' | 'stop-writing' }
)

export const script: readonly Step[] = [
  { afterMs: 1_800, step: 'disturb', disturbance: 'split' },
  { afterMs: 1_200, step: 'disturb', disturbance: 'roll' },
  { afterMs: 1_300, step: 'kill' },
  { afterMs: 500, step: 'disturb', disturbance: 'split' },
  { afterMs: 600, step: 'resume' },
  { afterMs: 1_400, step: 'disturb', disturbance: 'expire-iterators' },
  { afterMs: 800, step: 'disturb', disturbance: 'roll-all' },
  { afterMs: 1_300, step: 'kill' },
  { afterMs: 800, step: 'resume' },
  { afterMs: 1_300, step: 'disturb', disturbance: 'split' },
  { afterMs: 1_500, step: 'stop-writing' },
]

export const WRITES_PER_SECOND = 400

/**
 * A kill waits until the worker has processed this number of records since its start, so that there is
 * something to lose. On a slow machine the kill is postponed, by at most {@link MAX_KILL_DELAY_MS}.
 */
export const KILL_AFTER_RECORDS = 300
export const MAX_KILL_DELAY_MS = 4_000

/** When the demo gives up, in ms after its start. */
export const DEADLINE_MS = 27_000
