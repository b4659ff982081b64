import fc from 'fast-check'
import { anyHistory, kinds } from './histories.ts'
import { play } from './play.ts'
import type { History } from './steps.ts'
import { tellStory } from './story.ts'
import { type MakeSubject, makeCoordinator } from './subject.ts'
import { Violation } from './violation.ts'

/** Which histories to play. */
export interface Selection {
  /** One of the model's kinds of histories; all of them, if left out. */
  readonly kind?: string | undefined
  readonly seed: number
  readonly count: number
  /** Goes straight to one history and one step of its shrinking, as a failure tells. */
  readonly path?: string | undefined
  /** Whether to make a history that breaks a promise as short as it gets. @default true */
  readonly shrink?: boolean | undefined
}

/** For how long a history is made shorter, in ms. Some that break a promise take seconds to play. */
const LONGEST_SHRINK_MS = 30_000

/** A history that broke a promise, shrunk. */
export interface Failure {
  readonly promise: string
  /** Of the histories of its seed it was this one, counted from 1. */
  readonly number: number
  readonly seed: number
  /** Where fast-check finds it, as short as it gets. */
  readonly path: string
  readonly story: string
  /** The command that plays it again. */
  readonly replay: string
}

/** Which histories there are, and how one is played. */
export interface Model<H extends { readonly setup: unknown }> {
  readonly kinds: Readonly<Record<string, fc.Arbitrary<H>>>
  readonly any: fc.Arbitrary<H>
  /** Rejects with a {@link Violation}. */
  play(history: H, tell?: (line: () => string) => void): Promise<unknown>
  /** What the soak's command needs to choose this model. */
  readonly option: string
}

export function coordinatorModel(make: MakeSubject = makeCoordinator): Model<History> {
  return { kinds, any: anyHistory, play: (history, tell) => play(history, make, tell), option: '' }
}

/** Plays histories until one breaks a promise; makes that one as short as it gets. */
export function findFailure(
  selection: Selection,
  options: { readonly make?: MakeSubject; readonly onHistory?: (history: History) => void } = {},
): Promise<Failure | undefined> {
  return findFailureOf(coordinatorModel(options.make), selection, options.onHistory)
}

/** The same for any model. */
export async function findFailureOf<H extends { readonly setup: unknown }>(
  model: Model<H>,
  { kind, seed, count, path, shrink = true }: Selection,
  onHistory: (history: H) => void = () => {},
): Promise<Failure | undefined> {
  const histories = kind === undefined ? model.any : model.kinds[kind]
  if (!histories)
    throw new RangeError(`A kind of history is one of ${Object.keys(model.kinds).join(', ')}, not ${kind}`)
  let shrinkUntil = Number.POSITIVE_INFINITY
  const property = fc.asyncProperty(histories, async (history) => {
    if (performance.now() > shrinkUntil) return
    onHistory(history)
    try {
      await model.play(history)
    } catch (error) {
      shrinkUntil = Math.min(shrinkUntil, performance.now() + LONGEST_SHRINK_MS)
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
    promise: result.errorInstance instanceof Violation ? result.errorInstance.promise : 'unknown',
    story: await tellStory(history, model.play),
    replay: `npm run soak --${model.option} --seed ${seed}${only} --path ${result.counterexamplePath}`,
  }
}
