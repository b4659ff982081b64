import { coordinatorModel, type Failure, findFailureOf, type Selection } from './check.ts'
import type { History, Step } from './steps.ts'
import { streamModel } from './stream/model.ts'
import type { StreamHistory, StreamStep } from './stream/steps.ts'

/** Histories that follow from one seed. */
export interface Batch {
  /** `coordinator` or `stream`. */
  readonly model: string
  readonly seed: number
  readonly count: number
  /** One of the model's kinds; all of them, if left out. */
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

export async function playBatch({ model, seed, count, kind, shrink }: Batch): Promise<Outcome> {
  const done = new Map<string, number>()
  let played = 0
  const onHistory = ({ steps }: History | StreamHistory): void => {
    played++
    for (const step of steps) done.set(nameOf(step), (done.get(nameOf(step)) ?? 0) + 1)
  }
  const failure = await findFailureIn(model, { kind, seed, count, shrink }, onHistory)
  return { played, done, failure }
}

/** Plays histories of a model that is given by its name. */
export function findFailureIn(
  name: string,
  selection: Selection,
  onHistory?: (history: History | StreamHistory) => void,
): Promise<Failure | undefined> {
  if (name === 'coordinator') return findFailureOf(coordinatorModel(), selection, onHistory)
  if (name === 'stream') return findFailureOf(streamModel, selection, onHistory)
  throw new RangeError(`A model is one of coordinator and stream, not ${name}`)
}

function nameOf(step: Step | StreamStep): string {
  switch (step.do) {
    case 'fault':
      return `${step.effect} ${step.call}`
    case 'during':
    case 'later':
      return `${step.do}: ${nameOf(step.step)}`
    case 'split':
      return step.hidden ? 'split, children hidden' : step.do
    case 'take':
      return `take ${step.loop.as}`
    case 'store':
      return `store: ${step.fault.what}`
    default:
      return step.do
  }
}
