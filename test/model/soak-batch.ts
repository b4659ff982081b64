import { type Failure, findFailure } from './check.ts'
import type { History, Step } from './steps.ts'

/** Histories that follow from one seed. */
export interface Batch {
  readonly seed: number
  readonly count: number
  /** One of the kinds of `histories.ts`; all of them, if left out. */
  readonly kind: string | undefined
  /** Whether to make a history that breaks a promise as short as it gets. */
  readonly shrink: boolean
}

/** What came of a batch, fit to be sent from one thread to another. */
export interface Outcome {
  readonly played: number
  /** How often each thing was done, by name; faults by their effect. */
  readonly done: ReadonlyMap<string, number>
  readonly failure: Failure | undefined
}

export async function playBatch({ seed, count, kind, shrink }: Batch): Promise<Outcome> {
  const done = new Map<string, number>()
  let played = 0
  const onHistory = ({ steps }: History): void => {
    played++
    for (const step of steps) done.set(nameOf(step), (done.get(nameOf(step)) ?? 0) + 1)
  }
  const failure = await findFailure({ kind, seed, count, shrink }, { onHistory })
  return { played, done, failure }
}

function nameOf(step: Step): string {
  if (step.do === 'fault') return `${step.effect} ${step.call}`
  if (step.do === 'during' || step.do === 'later') return `${step.do}: ${nameOf(step.step)}`
  return step.do === 'split' && step.hidden ? 'split, children hidden' : step.do
}
