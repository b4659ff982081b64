import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { DeadLetter } from '../destinations/destination.ts'
import type { DestinationObject } from './on-failure.ts'

/** How many dead letters are sent to a destination at the same time. The others wait. */
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

/** The letters of one destination: one that does not respond must not delay those of others. */
interface DestinationQueue {
  readonly waiting: { readonly request: LetterRequest; readonly failures: number }[]
  sending: number
}

/**
 * Sends dead letters, each until its destination accepts it. A letter that is not accepted before the run
 * ends is dropped: its record is unsettled, and is read again.
 */
export class LetterSender {
  readonly #options: LetterSenderOptions
  readonly #queues = new Map<DestinationObject, DestinationQueue>()
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
    this.#enqueue(request, 0)
  }

  /** Starts no further call. Letters whose call is in progress can still be accepted. */
  stop(): void {
    this.#isStopping = true
    for (const { waiting } of this.#queues.values()) waiting.length = 0
    for (const cancel of this.#retries) cancel()
    this.#retries.clear()
  }

  /** Stops, and ignores the results of the calls in progress: their records are unsettled. */
  close(): void {
    this.stop()
    this.#isClosed = true
  }

  #enqueue(request: LetterRequest, failures: number): void {
    if (this.#isStopping) return
    let queue = this.#queues.get(request.destination)
    if (queue === undefined) {
      queue = { waiting: [], sending: 0 }
      this.#queues.set(request.destination, queue)
    }
    queue.waiting.push({ request, failures })
    this.#sendQueued(queue)
  }

  #sendQueued(queue: DestinationQueue): void {
    while (queue.sending < MAX_SENDING && !this.#isStopping) {
      const next = queue.waiting.shift()
      if (next === undefined) return
      void this.#send(queue, next.request, next.failures)
    }
  }

  async #send(queue: DestinationQueue, request: LetterRequest, failures: number): Promise<void> {
    this.#sending++
    queue.sending++
    let failure: { readonly error: unknown } | undefined
    try {
      await request.destination.send(request.letter)
    } catch (error) {
      failure = { error }
    }
    this.#sending--
    queue.sending--
    if (this.#isClosed) return
    if (failure === undefined) request.onAccepted()
    else if (!this.#isStopping) this.#retry(request, failures + 1, failure.error)
    this.#sendQueued(queue)
    this.#options.onCallEnded()
  }

  #retry(request: LetterRequest, failures: number, error: unknown): void {
    const { clock, random, onRetry } = this.#options
    const delayMs = backoffMs(Math.min(failures, 32), RETRY, random)
    onRetry(request.letter, { attempt: failures, delayMs, error })
    const cancel = clock.setTimer(delayMs, () => {
      this.#retries.delete(cancel)
      this.#enqueue(request, failures)
    })
    this.#retries.add(cancel)
  }
}
