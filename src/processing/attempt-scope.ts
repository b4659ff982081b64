/**
 * What all calls of one attempt share: the abort signal and the epoch. The `AbortController` is created when
 * the signal is first read, because creating one takes longer than everything else about an attempt, and most
 * handlers do not read it.
 */
export class AttemptScope {
  /** See `RecordContext.epoch`. */
  readonly epoch: number | undefined
  #controller: AbortController | undefined
  #abortion: { readonly reason: unknown } | undefined
  #timeout: Error | undefined

  constructor(epoch: number | undefined) {
    this.epoch = epoch
  }

  /** The signal that handlers receive. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortion !== undefined) this.#controller.abort(this.#abortion.reason)
    }
    return this.#controller.signal
  }

  /** Why the attempt was aborted; undefined if it was not. */
  get abortion(): { readonly reason: unknown } | undefined {
    return this.#abortion
  }

  /** Aborts the signal, unless it is aborted already. */
  abort(reason: unknown): void {
    if (this.#abortion !== undefined) return
    this.#abortion = { reason }
    this.#controller?.abort(reason)
  }

  /** Aborts the signal because the attempt has taken `limitMs` milliseconds. */
  timeOut(limitMs: number): void {
    if (this.#abortion !== undefined) return
    this.#timeout = new Error(`The handler did not finish within ${limitMs} ms.`)
    this.#timeout.name = 'TimeoutError'
    this.abort(this.#timeout)
  }

  /**
   * Returns the error that a call has failed with: the timeout if the call was aborted by it. The AWS SDK and
   * Node reject with an `AbortError` instead of the reason of the signal.
   */
  failureOf(error: unknown): unknown {
    return this.#timeout !== undefined && isAbortError(error) ? this.#timeout : error
  }
}

/** Handlers can throw anything, including a proxy whose properties cannot be read. */
function isAbortError(error: unknown): boolean {
  try {
    return typeof error === 'object' && error !== null && (error as Partial<Error>).name === 'AbortError'
  } catch {
    return false
  }
}
