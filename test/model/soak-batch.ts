import { coordinatorModel, type Failure, findFailureOf, type Selection } from './check.ts'
import { parkingModel } from './parking/model.ts'
import type { ParkingHistory, ParkingStep } from './parking/steps.ts'
import { processingModel } from './processing/model.ts'
import type { ProcessingHistory, ProcessingStep } from './processing/steps.ts'
import type { History, Step } from './steps.ts'
import { streamModel } from './stream/model.ts'
import type { StreamHistory, StreamStep } from './stream/steps.ts'

/** The histories of one seed. */
export interface Batch {
  /** `coordinator`, `stream`, `processing` or `parking`. */
  readonly model: string
  readonly seed: number
  readonly count: number
  /** One of the model's kinds, or undefined for all of them. */
  readonly kind: string | undefined
  /** Whether to shrink a history that violates a guarantee. */
  readonly shrink: boolean
}

/** The result of a batch, in a form that can be sent between threads. */
export interface Outcome {
  readonly played: number
  /** The number of steps of each kind; faults are counted by their effect. */
  readonly stepCounts: ReadonlyMap<string, number>
  readonly failure: Failure | undefined
}

type AnyHistory = History | StreamHistory | ProcessingHistory | ParkingHistory

export async function playBatch({ model, seed, count, kind, shrink }: Batch): Promise<Outcome> {
  const stepCounts = new Map<string, number>()
  let played = 0
  const onHistory = ({ steps }: AnyHistory): void => {
    played++
    for (const step of steps) stepCounts.set(nameOf(step), (stepCounts.get(nameOf(step)) ?? 0) + 1)
  }
  const failure = await findFailureIn(model, { kind, seed, count, shrink }, onHistory)
  return { played, stepCounts, failure }
}

/** Runs histories of the named model until one violates a guarantee. */
export function findFailureIn(
  name: string,
  selection: Selection,
  onHistory?: (history: AnyHistory) => void,
): Promise<Failure | undefined> {
  if (name === 'coordinator') return findFailureOf(coordinatorModel(), selection, onHistory)
  if (name === 'stream') return findFailureOf(streamModel, selection, onHistory)
  if (name === 'processing') return findFailureOf(processingModel, selection, onHistory)
  if (name === 'parking') return findFailureOf(parkingModel, selection, onHistory)
  throw new RangeError(`Unknown model ${name}. Use coordinator, stream, processing or parking`)
}

function nameOf(step: Step | StreamStep | ProcessingStep | ParkingStep): string {
  switch (step.do) {
    case 'fault':
      return `${step.effect} ${step.call}`
    case 'storeFault':
      return `${step.store}: ${step.fault.what}`
    case 'storeDown':
      return `${step.store} is down`
    case 'during':
    case 'later':
      return `${step.do}: ${nameOf(step.step)}`
    case 'split':
      return step.hidden ? 'split, children hidden' : step.do
    case 'take':
      return `take ${step.loop.as}`
    case 'store':
      return `store: ${step.fault.what}`
    case 'destination':
      return `destination: ${step.fault.what}`
    case 'killAt':
      return `kill at ${step.moment}`
    case 'worker':
      return step.deed
    case 'at':
      return `${step.deed} at a moment`
    default:
      return step.do
  }
}
