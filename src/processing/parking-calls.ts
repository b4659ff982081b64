import { abortable } from '../core/abortable.ts'
import { backoffMs } from '../core/backoff.ts'
import { CallQueue } from '../core/call-queue.ts'
import { type Clock, sleep } from '../core/clock.ts'
import { isStreamError } from '../core/errors.ts'
import type { ParkingLease } from '../parking/parking-store.ts'
import type { ProcessingEvents } from './events.ts'

/** The delay before a failed call is repeated, with full jitter. */
const RETRY = { baseMs: 200, capMs: 30_000 } as const

export interface ParkingCallsOptions {
  readonly clock: Clock
  readonly random: () => number
  /** Ends the retries. A call in progress is no longer waited for. */
  readonly signal: AbortSignal
  onRetry(retry: ProcessingEvents['parkingRetry']): void
}

/** Makes the calls of a parking store: one at a time, each until it succeeds. */
export class ParkingCalls {
  readonly #lease: ParkingLease
  readonly #options: ParkingCallsOptions
  readonly #queue = new CallQueue()

  constructor(lease: ParkingLease, options: ParkingCallsOptions) {
    this.#lease = lease
    this.#options = options
  }

  /**
   * Makes a call once those before it have ended. `call` is called again after each failure, so that it can
   * pass the present state.
   *
   * Rejects with `checkpoint.conflict` if another worker has acquired the store, with `parking.failed` if it
   * is damaged, and with an `AbortError` once `signal` aborts.
   */
  run<T>(call: (lease: ParkingLease) => Promise<T>): Promise<T> {
    return this.#queue.run(() => this.#repeat(call))
  }

  async #repeat<T>(call: (lease: ParkingLease) => Promise<T>): Promise<T> {
    const { clock, random, signal, onRetry } = this.#options
    for (let attempt = 1; ; attempt++) {
      try {
        signal.throwIfAborted()
        return await abortable(call(this.#lease), signal)
      } catch (error) {
        const isFinal = isStreamError(error, 'checkpoint.conflict') || isStreamError(error, 'parking.failed')
        if (isFinal || signal.aborted) throw error
        const delayMs = backoffMs(attempt, RETRY, random)
        onRetry({ attempt, delayMs, error })
        await sleep(clock, delayMs, signal)
      }
    }
  }
}
