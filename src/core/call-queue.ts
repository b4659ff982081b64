/**
 * Lets calls wait for each other: each begins when the one before it has settled.
 *
 * @internal
 */
export class CallQueue {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** Whether no call is under way or waits, so that one may be answered at once. */
  get isIdle(): boolean {
    return this.#waiting === 0
  }

  run<T>(call: () => Promise<T>): Promise<T> {
    this.#waiting++
    const result = this.#last.then(() => this.#runNow(call))
    this.#last = result.catch(() => {})
    return result
  }

  async #runNow<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } finally {
      // Before the caller hears of it: or its next call would find the queue busy, and so would each one after that.
      this.#waiting--
    }
  }
}
