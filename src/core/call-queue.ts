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
    const result = this.#last.then(call)
    this.#last = result
      .catch(() => {})
      .then(() => {
        this.#waiting--
      })
    return result
  }
}
