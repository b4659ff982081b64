import type { StreamToken } from '../../../src/index.ts'
import type { RecordId } from './coverage.ts'
import type { Ledger } from './ledger.ts'

/** What a token stands for: the first `count` records of a ledger. */
export interface Place {
  readonly ledger: Ledger
  readonly count: number
}

interface Hypothesis {
  readonly ledger: Ledger
  /** Whether the stream has taken a new position already, of which `moveTo` has not resolved yet. */
  readonly hasMoved: boolean
}

/**
 * What the consumer may see next. Around a `moveTo` there is more than one answer, because nobody outside can know at which
 * moment the position changed. So there is a ledger for each possibility, those that an observation refutes are
 * dropped, and a promise is broken when none is left.
 */
export class Expectation {
  #hypotheses: readonly Hypothesis[]
  #newLedger: (() => Ledger) | undefined
  /** The ledgers of the position before, and when it was left. */
  #former: { readonly ledgers: readonly Ledger[]; readonly leftAt: number } | undefined

  /** @param ledgers one for each possibility; none while the stream is being opened */
  constructor(ledgers: readonly Ledger[]) {
    this.#hypotheses = ledgers.map((ledger) => ({ ledger, hasMoved: false }))
  }

  /** The ledgers that are still possible, one at least once the stream is open. */
  get ledgers(): readonly Ledger[] {
    return this.#hypotheses.map(({ ledger }) => ledger)
  }

  get isMoving(): boolean {
    return this.#newLedger !== undefined
  }

  /** @param newLedger makes the ledger of the new position, once the position is taken */
  moveStarts(newLedger: () => Ledger): void {
    this.#newLedger = newLedger
  }

  moveSucceeds(now: number): void {
    const moved = this.#hypotheses.filter(({ hasMoved }) => hasMoved)
    const rest = this.#hypotheses.filter(({ hasMoved }) => !hasMoved)
    this.#former = { ledgers: rest.map(({ ledger }) => ledger), leftAt: now }
    if (rest.length > 0 || moved.length === 0) {
      moved.push({ ledger: (this.#newLedger as () => Ledger)(), hasMoved: false })
    }
    this.#hypotheses = moved.map(({ ledger }) => ({ ledger, hasMoved: false }))
    this.#newLedger = undefined
  }

  /** The position is the one before. */
  moveFails(): void {
    this.#hypotheses = this.#hypotheses.filter(({ hasMoved }) => !hasMoved)
    this.#newLedger = undefined
  }

  acknowledge(now: number): void {
    for (const { ledger } of this.#hypotheses) ledger.acknowledge(now)
  }

  rewind(): void {
    for (const { ledger } of this.#hypotheses) ledger.rewind()
  }

  /**
   * Records were delivered: one, or a batch.
   *
   * @param isStraddling whether they were asked for before a `moveTo` that resolved since, so that they may be of the
   * former position; then they count for nothing
   */
  deliver(records: readonly RecordId[], isStraddling: boolean): void {
    const act = (ledger: Ledger) => {
      for (const record of records) ledger.deliver(record)
    }
    const newLedger = this.#newLedger
    this.#hypotheses = survivors(
      this.#hypotheses.flatMap(({ ledger, hasMoved }): Possibility[] => {
        const possibilities: Possibility[] = []
        if (isStraddling) possibilities.push({ from: () => ledger.clone(), hasMoved, act: () => {} })
        if (newLedger && !hasMoved) possibilities.push({ from: newLedger, hasMoved: true, act })
        const isOnly = possibilities.length === 0
        return [{ from: () => (isOnly ? ledger : ledger.clone()), hasMoved, act }, ...possibilities]
      }),
    )
  }

  /** Keeps the possibilities for which `isTrue` does not throw. Throws what it threw if there is none. */
  expect(isTrue: (ledger: Ledger) => void): void {
    this.#hypotheses = survivors(
      this.#hypotheses.map(({ ledger, hasMoved }) => ({ from: () => ledger, hasMoved, act: isTrue })),
    )
  }

  /**
   * What a token may stand for, when it is saved. While the position changes, it may be of either one.
   * @throws Violation if it stands for nothing
   */
  placesOf(token: StreamToken, now: number): readonly Place[] {
    const ledgers = this.#hypotheses.map(({ ledger }) => ledger)
    if (this.#newLedger) ledgers.push(this.#newLedger())
    if (this.#former?.leftAt === now) ledgers.push(...this.#former.ledgers)
    const places: Place[] = []
    let problem: unknown
    for (const ledger of ledgers) {
      try {
        places.push({ ledger, count: ledger.coveredBy(token) })
      } catch (error) {
        problem ??= error
      }
    }
    if (places.length === 0) throw problem
    return places
  }
}

interface Possibility {
  readonly from: () => Ledger
  readonly hasMoved: boolean
  readonly act: (ledger: Ledger) => void
}

function survivors(possibilities: readonly Possibility[]): readonly Hypothesis[] {
  const left: Hypothesis[] = []
  let problem: unknown
  for (const { from, hasMoved, act } of possibilities) {
    const ledger = from()
    try {
      act(ledger)
      left.push({ ledger, hasMoved })
    } catch (error) {
      problem ??= error
    }
  }
  if (left.length === 0) throw problem
  return left
}
