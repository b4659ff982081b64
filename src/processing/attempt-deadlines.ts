import type { Clock } from '../core/clock.ts'

/**
 * Deadlines that are all equally far away when they are set, so that they are due in the order in which they
 * were set, and one timer serves all of them.
 */
export class Deadlines<Item> {
  readonly #clock: Clock
  readonly #delayMs: number
  readonly #onDue: (item: Item) => void
  /** The monotonic time (ms) at which each item is due. A map keeps the order of insertion. */
  readonly #dueAt = new Map<Item, number>()
  #cancelTimer: (() => void) | undefined

  /** @param delayMs - how far away a deadline is when it is set, in ms. */
  constructor(clock: Clock, delayMs: number, onDue: (item: Item) => void) {
    this.#clock = clock
    this.#delayMs = delayMs
    this.#onDue = onDue
  }

  /** Sets the deadline of an item. */
  add(item: Item): void {
    this.#dueAt.set(item, this.#clock.monotonic() + this.#delayMs)
    this.#setTimer()
  }

  /** Removes an item. The timer stays, because setting one for each item would be slower. */
  delete(item: Item): void {
    this.#dueAt.delete(item)
  }

  /** Removes all items and cancels the timer. */
  clear(): void {
    this.#dueAt.clear()
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #setTimer(): void {
    if (this.#cancelTimer !== undefined) return
    const [next] = this.#dueAt.values()
    if (next === undefined) return
    const delayMs = Math.max(0, next - this.#clock.monotonic())
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => this.#fire())
  }

  #fire(): void {
    this.#cancelTimer = undefined
    const now = this.#clock.monotonic()
    try {
      for (const [item, dueAt] of this.#dueAt) {
        if (dueAt > now) break
        this.#dueAt.delete(item)
        this.#onDue(item)
      }
    } finally {
      this.#setTimer()
    }
  }
}
