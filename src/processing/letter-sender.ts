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

/** A request whose letter is not accepted yet. */
interface QueuedRequest extends LetterRequest {
  /** The request for the next letter of the same item. It is enqueued once this letter is accepted. */
  next: QueuedRequest | undefined
}

/** The letters of one destination: one that does not respond must not delay those of others. */
interface DestinationQueue {
  /** Letters that can be sent now: at most one of each item. */
  readonly waiting: { readonly request: QueuedRequest; readonly failures: number }[]
  /** The last request of each item that has letters which are not accepted yet, by the item's `keyHash`. */
  readonly lastOfItem: Map<string, QueuedRequest>
  sending: number
}

/**
 * Sends dead letters, each until its destination accepts it. A destination receives the letters of an item
 * one after the other, so that a letter that is sent again is not overtaken. A letter that is not accepted
 * before the run ends is dropped: its record is unsettled, and is read again.
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
    if (this.#isStopping) return
    const { lastOfItem } = this.#queueOf(request.destination)
    const { keyHash } = request.letter.failure
    const previous = lastOfItem.get(keyHash)
    const queued = { ...request, next: undefined }
    lastOfItem.set(keyHash, queued)
    if (previous === undefined) this.#enqueue(queued, 0)
    else previous.next = queued
  }

  /** Starts no further call. Letters whose call is in progress can still be accepted. */
  stop(): void {
    this.#isStopping = true
    for (const { waiting, lastOfItem } of this.#queues.values()) {
      waiting.length = 0
      lastOfItem.clear()
    }
    for (const cancel of this.#retries) cancel()
    this.#retries.clear()
  }

  /** Stops, and ignores the results of the calls in progress: their records are unsettled. */
  close(): void {
    this.stop()
    this.#isClosed = true
  }

  #queueOf(destination: DestinationObject): DestinationQueue {
    let queue = this.#queues.get(destination)
    if (queue === undefined) {
      queue = { waiting: [], lastOfItem: new Map(), sending: 0 }
      this.#queues.set(destination, queue)
    }
    return queue
  }

  #enqueue(request: QueuedRequest, failures: number): void {
    if (this.#isStopping) return
    const queue = this.#queueOf(request.destination)
    queue.waiting.push({ request, failures })
    this.#sendQueued(queue)
  }

  #enqueueNextOfItem(queue: DestinationQueue, { letter, next }: QueuedRequest): void {
    if (next === undefined) queue.lastOfItem.delete(letter.failure.keyHash)
    else this.#enqueue(next, 0)
  }

  #sendQueued(queue: DestinationQueue): void {
    while (queue.sending < MAX_SENDING && !this.#isStopping) {
      const next = queue.waiting.shift()
      if (next === undefined) return
      void this.#send(queue, next.request, next.failures)
    }
  }

  async #send(queue: DestinationQueue, request: QueuedRequest, failures: number): Promise<void> {
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
    if (failure === undefined) this.#enqueueNextOfItem(queue, request)
    this.#sendQueued(queue)
    this.#options.onCallEnded()
  }

  #retry(request: QueuedRequest, failures: number, error: unknown): void {
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
