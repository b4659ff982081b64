import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { DestinationObject } from './on-failure.ts'

/** How many dead letters are sent at the same time. The others wait. */
const MAX_SENDING = 16

/** The delay before a failed send is repeated, with full jitter. */
const RETRY = { baseMs: 200, capMs: 60_000 } as const

export interface LetterRequest {
  readonly letter: DeadLetter
  readonly destination: DestinationObject
  /** The destination has accepted the letter. */
  onAccepted(): void
}

export interface LetterRetry {
  /** How many times sending this letter has failed. */
  readonly attempt: number
  readonly delayMs: number
  readonly error: unknown
}

export interface LetterSenderOptions {
  readonly clock: Clock
  readonly random: () => number
  onRetry(letter: DeadLetter, retry: LetterRetry): void
  /** A call of a destination has ended, and its result was taken into account. */
  onCallEnded(): void
}

/**
 * Sends dead letters, each until its destination accepts it. A letter that is not accepted before the run
 * ends is dropped: its record is unsettled, and is read again.
 */
export class LetterSender {
  readonly #options: LetterSenderOptions
  readonly #queue: { readonly request: LetterRequest; readonly failures: number }[] = []
  /** Cancels the timers of letters that will be sent again. */
  readonly #retries = new Set<() => void>()
  #sending = 0
  #isStopping = false
  #isClosed = false

  constructor(options: LetterSenderOptions) {
    this.#options = options
  }

  /** The number of calls of destinations that are in progress. */
  get sending(): number {
    return this.#sending
  }

  send(request: LetterRequest): void {
    this.#queue.push({ request, failures: 0 })
    this.#sendQueued()
  }

  /** Starts no further call. Letters whose call is in progress can still be accepted. */
  stop(): void {
    this.#isStopping = true
    this.#queue.length = 0
    for (const cancel of this.#retries) cancel()
    this.#retries.clear()
  }

  /** Stops, and ignores the results of the calls in progress: their records are unsettled. */
  close(): void {
    this.stop()
    this.#isClosed = true
  }

  #sendQueued(): void {
    while (this.#sending < MAX_SENDING && !this.#isStopping) {
      const next = this.#queue.shift()
      if (next === undefined) return
      void this.#send(next.request, next.failures)
    }
  }

  async #send(request: LetterRequest, failures: number): Promise<void> {
    this.#sending++
    let failure: { readonly error: unknown } | undefined
    try {
      await request.destination.send(request.letter)
    } catch (error) {
      failure = { error }
    }
    this.#sending--
    if (this.#isClosed) return
    if (failure === undefined) request.onAccepted()
    else if (!this.#isStopping) this.#retry(request, failures + 1, failure.error)
    this.#sendQueued()
    this.#options.onCallEnded()
  }

  #retry(request: LetterRequest, failures: number, error: unknown): void {
    const { clock, random, onRetry } = this.#options
    const delayMs = backoffMs(Math.min(failures, 32), RETRY, random)
    onRetry(request.letter, { attempt: failures, delayMs, error })
    const cancel = clock.setTimer(delayMs, () => {
      this.#retries.delete(cancel)
      this.#queue.push({ request, failures })
      this.#sendQueued()
    })
    this.#retries.add(cancel)
  }
}
