import type { Report } from './orders.ts'

export interface FleetResult {
  /** From the first to the last change. */
  readonly seconds: number
  /** The rate without the first fifth of the changes, in which the processes warm up. */
  readonly perSecond: number
  /** How many changes each worker has handled. */
  readonly handledBy: readonly number[]
  /** How many changes were handled again. */
  readonly repeated: number
  /** How many changes were handled before an earlier one of their order. */
  readonly outOfOrder: number
  readonly lost: number
}

interface Row {
  readonly position: string
  readonly version: number
}

/**
 * What the changes have done, as a table of a database would store it: one row per order, with the position
 * of its last change. A change is applied only if its position is greater, so that a repeated one has no
 * effect.
 */
export class Ledger {
  readonly total: number
  /** Resolves when all changes are applied. */
  readonly complete: Promise<void>
  #resolve = () => {}
  readonly #rows = new Map<string, Row>()
  readonly #handledBy: number[]
  #repeated = 0
  #outOfOrder = 0
  #applied = 0
  #startedAt = Number.NaN
  #warmAt = Number.NaN
  #endedAt = Number.NaN

  constructor(orders: number, changesPerOrder: number, workers: number) {
    this.total = orders * changesPerOrder
    this.#handledBy = new Array<number>(workers).fill(0)
    this.complete = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** The number of changes that are applied. */
  get applied(): number {
    return this.#applied
  }

  handled(worker: number, { orderId, position, version }: Extract<Report, { kind: 'handled' }>): void {
    const now = performance.now()
    this.#handledBy[worker] = (this.#handledBy[worker] ?? 0) + 1
    const row = this.#rows.get(orderId)
    if (row !== undefined && position <= row.position) {
      this.#repeated++
      return
    }
    if (version !== (row?.version ?? 0) + 1) this.#outOfOrder++
    this.#rows.set(orderId, { position, version })
    if (this.#applied === 0) this.#startedAt = now
    this.#applied++
    if (this.#applied === Math.ceil(0.2 * this.total)) this.#warmAt = now
    this.#endedAt = now
    if (this.#applied === this.total) this.#resolve()
  }

  result(): FleetResult {
    return {
      seconds: (this.#endedAt - this.#startedAt) / 1_000,
      perSecond: (0.8 * this.total) / ((this.#endedAt - this.#warmAt) / 1_000),
      handledBy: this.#handledBy,
      repeated: this.#repeated,
      outOfOrder: this.#outOfOrder,
      lost: this.total - this.#applied,
    }
  }
}
