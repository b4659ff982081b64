import type { Disturbance } from './demo-table.ts'

/** What happens in the demo, and how long after the step before it, in ms. */
export type Step = { readonly afterMs: number } & (
  | { readonly step: 'disturb'; readonly what: Disturbance }
  | { readonly step: 'kill' | 'resume' | 'stop-writing' }
)

export const script: readonly Step[] = [
  { afterMs: 1_800, step: 'disturb', what: 'split' },
  { afterMs: 1_200, step: 'disturb', what: 'roll' },
  { afterMs: 1_300, step: 'kill' },
  { afterMs: 500, step: 'disturb', what: 'split' },
  { afterMs: 600, step: 'resume' },
  { afterMs: 1_400, step: 'disturb', what: 'expire-iterators' },
  { afterMs: 800, step: 'disturb', what: 'roll-all' },
  { afterMs: 1_300, step: 'kill' },
  { afterMs: 800, step: 'resume' },
  { afterMs: 1_300, step: 'disturb', what: 'split' },
  { afterMs: 1_500, step: 'stop-writing' },
]

/** Writes a second. */
export const WRITES_PER_SECOND = 400

/**
 * A worker is killed when it has processed so many records since it was started: then there is something to lose. On
 * a slow machine that is waited for, up to so many ms.
 */
export const KILL_AFTER_RECORDS = 300
export const KILL_DELAY_MS = 4_000

/** When the demo gives up, in ms since its start. */
export const DEADLINE_MS = 27_000
