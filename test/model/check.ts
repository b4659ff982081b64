import fc from 'fast-check'
import { anyHistory, kinds } from './histories.ts'
import { play } from './play.ts'
import type { History } from './steps.ts'
import { createCoordinator, type SubjectFactory } from './subject.ts'
import { traceRun } from './trace.ts'
import { Violation } from './violation.ts'

/** Selects the histories to run. */
export interface Selection {
  /** One of the model's kinds of histories. @default all of them */
  readonly kind?: string | undefined
  readonly seed: number
  readonly count: number
  /** The fast-check path that a failure reports: runs only that history, at that step of shrinking. */
  readonly path?: string | undefined
  /** Whether to shrink a history that violates a guarantee. @default true */
  readonly shrink?: boolean | undefined
}

/** How long a history is shrunk for, in ms. A single run of a failing history can take seconds. */
const MAX_SHRINK_MS = 30_000

/** A history that violated a guarantee, after shrinking. */
export interface Failure {
  readonly guarantee: string
  /** The 1-based index of the history among those of its seed. */
  readonly number: number
  readonly seed: number
  /** The fast-check path of the shrunk history. */
  readonly path: string
  /** What the run did, one line per step, ending with the violation. */
  readonly trace: string
  /** The command that reproduces it. */
  readonly replay: string
}

/** A model: its kinds of histories, and how to run one. */
export interface Model<H extends { readonly setup: unknown }> {
  readonly kinds: Readonly<Record<string, fc.Arbitrary<H>>>
  readonly any: fc.Arbitrary<H>
  /** Runs one history. Rejects with a {@link Violation} if a guarantee is violated. */
  play(history: H, trace?: (line: () => string) => void): Promise<unknown>
  /** The option of the soak command that selects this model. */
  readonly option: string
}

export function coordinatorModel(createSubject: SubjectFactory = createCoordinator): Model<History> {
  return { kinds, any: anyHistory, play: (history, trace) => play(history, createSubject, trace), option: '' }
}

/** Runs histories of the Coordinator model until one violates a guarantee, and shrinks that one. */
export function findFailure(
  selection: Selection,
  options: { readonly createSubject?: SubjectFactory; readonly onHistory?: (history: History) => void } = {},
): Promise<Failure | undefined> {
  return findFailureOf(coordinatorModel(options.createSubject), selection, options.onHistory)
}

/** Runs histories of the given model until one violates a guarantee, and shrinks that one. */
export async function findFailureOf<H extends { readonly setup: unknown }>(
  model: Model<H>,
  { kind, seed, count, path, shrink = true }: Selection,
  onHistory: (history: H) => void = () => {},
): Promise<Failure | undefined> {
  const histories = kind === undefined ? model.any : model.kinds[kind]
  if (!histories)
    throw new RangeError(`Unknown kind of history ${kind}. Use one of ${Object.keys(model.kinds).join(', ')}`)
  let shrinkUntil = Number.POSITIVE_INFINITY
  const property = fc.asyncProperty(histories, async (history) => {
    if (performance.now() > shrinkUntil) return
    onHistory(history)
    try {
      await model.play(history)
    } catch (error) {
      shrinkUntil = Math.min(shrinkUntil, performance.now() + MAX_SHRINK_MS)
      throw error
    }
  })
  const result = await fc.check(property, {
    seed,
    numRuns: count,
    endOnFailure: !shrink,
    ...(path !== undefined && { path }),
  })
  if (!result.failed) return undefined
  const [history] = result.counterexample as [H]
  const only = kind === undefined ? '' : ` --kind ${kind}`
  return {
    number: result.numRuns,
    seed,
    path: result.counterexamplePath ?? '',
    guarantee: result.errorInstance instanceof Violation ? result.errorInstance.guarantee : 'unknown',
    trace: await traceRun(history, model.play),
    replay: `npm run soak --${model.option} --seed ${seed}${only} --path ${result.counterexamplePath}`,
  }
}
