/**
 * Runs async calls one at a time, in order: each starts once the previous one has settled.
 *
 * @internal
 */
export class CallQueue {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** Whether no call is running or waiting, so that a new one could start immediately. */
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
      // Decremented before the promise settles: otherwise a caller that awaits it would find the queue still
      // busy on its next call, and on every call after that.
      this.#waiting--
    }
  }
}
