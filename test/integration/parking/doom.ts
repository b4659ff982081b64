import { below, type Random } from '../../../src/testing/emulator/state/random.ts'
import type { Doom, Moment } from './worker-log.ts'

/** The moments in which a worker is stopped; those that pass quickly more often. */
const moments: readonly (Moment | 'any')[] = [
  'any',
  'any',
  'parking',
  'parked',
  'completing',
  'completed',
  'reading',
  'released',
  'progressing',
  'returning',
  'returning',
  'removing',
  'removed',
]

export interface DoomOptions {
  readonly random: Random
  /** Whether the worker may be suspended instead of being killed. */
  readonly canSuspend: boolean
}

/** One in so many workers is suspended. It has no divisor in common with the number of moments. */
const SUSPENDED = 4

/**
 * Decides when a worker stops itself. Undefined: it is killed from outside, at any moment.
 *
 * @param index - the number of workers before this one. The moments take turns, so that each of them occurs
 * in a short test too: the first time at once.
 */
export function chooseDoom(index: number, { random, canSuspend }: DoomOptions): Doom | undefined {
  const moment = moments[index % moments.length] as Moment | 'any'
  const [after, delayMs] = [below(random, 3), below(random, 2) * below(random, 12)]
  if (moment === 'any') return undefined
  const signal = canSuspend && index % SUSPENDED === SUSPENDED - 1 ? 'SIGSTOP' : 'SIGKILL'
  if (index < moments.length) return { moment, after: 0, delayMs: 0, signal }
  return { moment, after: moment === 'released' ? after * 3 : after, delayMs, signal }
}
