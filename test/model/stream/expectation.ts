import type { StreamToken } from '../../../src/index.ts'
import type { RecordId } from './coverage.ts'
import type { Ledger } from './ledger.ts'

/** What a token covers: the first `count` records of a ledger. */
export interface LedgerPosition {
  readonly ledger: Ledger
  readonly count: number
}

interface Hypothesis {
  readonly ledger: Ledger
  /** Whether the stream has already taken the new position of a `moveTo` that has not resolved yet. */
  readonly hasMoved: boolean
}

/**
 * What the consumer may observe next. Around a `moveTo` there are several possibilities, because the caller
 * cannot know at which moment the position changes. There is a ledger for each of them. An observation
 * removes those that it contradicts, and a guarantee is violated when none remains.
 */
export class Expectation {
  #hypotheses: readonly Hypothesis[]
  #newLedger: (() => Ledger) | undefined
  /** The ledgers of the previous position, and when it was replaced. */
  #previous: { readonly ledgers: readonly Ledger[]; readonly leftAt: number } | undefined

  /** @param ledgers one for each possibility; empty while the stream is being opened */
  constructor(ledgers: readonly Ledger[]) {
    this.#hypotheses = ledgers.map((ledger) => ({ ledger, hasMoved: false }))
  }

  /** The ledgers that are still possible: at least one once the stream is open. */
  get ledgers(): readonly Ledger[] {
    return this.#hypotheses.map(({ ledger }) => ledger)
  }

  get isMoving(): boolean {
    return this.#newLedger !== undefined
  }

  /** @param newLedger creates the ledger of the new position, once the position is taken */
  moveStarts(newLedger: () => Ledger): void {
    this.#newLedger = newLedger
  }

  moveSucceeds(now: number): void {
    const moved = this.#hypotheses.filter(({ hasMoved }) => hasMoved)
    const rest = this.#hypotheses.filter(({ hasMoved }) => !hasMoved)
    this.#previous = { ledgers: rest.map(({ ledger }) => ledger), leftAt: now }
    if (rest.length > 0 || moved.length === 0) {
      moved.push({ ledger: (this.#newLedger as () => Ledger)(), hasMoved: false })
    }
    this.#hypotheses = moved.map(({ ledger }) => ({ ledger, hasMoved: false }))
    this.#newLedger = undefined
  }

  /** The previous position remains in effect. */
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
   * Checks delivered records: one, or a batch.
   *
   * @param mayPredateMove whether they were requested before a `moveTo` that has resolved since, so that they
   * may belong to the previous position and are then ignored
   */
  deliver(records: readonly RecordId[], mayPredateMove: boolean): void {
    const act = (ledger: Ledger) => {
      for (const record of records) ledger.deliver(record)
    }
    const newLedger = this.#newLedger
    this.#hypotheses = survivors(
      this.#hypotheses.flatMap(({ ledger, hasMoved }): Possibility[] => {
        const possibilities: Possibility[] = []
        if (mayPredateMove) possibilities.push({ from: () => ledger.clone(), hasMoved, act: () => {} })
        if (newLedger && !hasMoved) possibilities.push({ from: newLedger, hasMoved: true, act })
        const isOnly = possibilities.length === 0
        return [{ from: () => (isOnly ? ledger : ledger.clone()), hasMoved, act }, ...possibilities]
      }),
    )
  }

  /** Keeps the possibilities for which `check` does not throw. If none remains, throws its first error. */
  expect(check: (ledger: Ledger) => void): void {
    this.#hypotheses = survivors(
      this.#hypotheses.map(({ ledger, hasMoved }) => ({ from: () => ledger, hasMoved, act: check })),
    )
  }

  /**
   * What a token may cover at the time when it is saved. During a `moveTo` it may belong to either position.
   * @throws Violation if it does not fit any possibility
   */
  positionsOf(token: StreamToken, now: number): readonly LedgerPosition[] {
    const ledgers = this.#hypotheses.map(({ ledger }) => ledger)
    if (this.#newLedger) ledgers.push(this.#newLedger())
    if (this.#previous?.leftAt === now) ledgers.push(...this.#previous.ledgers)
    const positions: LedgerPosition[] = []
    let problem: unknown
    for (const ledger of ledgers) {
      try {
        positions.push({ ledger, count: ledger.coveredBy(token) })
      } catch (error) {
        problem ??= error
      }
    }
    if (positions.length === 0) throw problem
    return positions
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
