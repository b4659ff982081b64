/** Limits how many calls run concurrently. Those that wait start in the order in which they asked. */
export class CallSlots {
  #free: number
  readonly #waiting: (() => void)[] = []
  #next = 0

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when a slot is free, and takes it. */
  take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve()
    }
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }

  release(): void {
    const resolve = this.#waiting[this.#next]
    if (resolve === undefined) {
      this.#free++
      return
    }
    this.#next++
    // The array would otherwise grow forever.
    if (this.#next === this.#waiting.length) this.#next = this.#waiting.length = 0
    resolve()
  }
}
