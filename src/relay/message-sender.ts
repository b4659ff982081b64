import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { RelayMessage } from './relay-message.ts'
import type { RefusedMessage, RelayRetry, RelayTarget } from './relay-target.ts'

export interface SenderOptions {
  readonly maxBatchMessages: number
  readonly maxBatchBytes: number
  readonly maxBatchingWindowMs: number
  readonly onRetry: ((retry: RelayRetry) => void) | undefined
  readonly clock: Clock
  readonly random: () => number
}

/** Bounds of the delays before messages are sent again. */
const BACKOFF = { baseMs: 100, capMs: 10_000 }

/** A message whose caller waits. */
interface Entry {
  readonly message: RelayMessage
  /** How often it has been sent without success. */
  failures: number
  isDone: boolean
  /** Cancels what the entry waits for, a call or a delay, if no other entry needs it. */
  cancelWait: () => void
  readonly settle: (outcome: { readonly error: unknown } | undefined) => void
}

/**
 * Sends messages in batches. Messages wait for each other only while a call is in flight, so the busier the
 * queue is, the larger are the batches. What fails is sent again until it succeeds or is no longer wanted.
 *
 * At most one message of a group is in the sender, so no order among messages has to be kept.
 */
export class MessageSender {
  readonly #target: RelayTarget
  readonly #options: SenderOptions
  /** All messages whose callers wait, by group. */
  readonly #entries = new Map<string, Entry>()
  /** Those that can be sent now. */
  #ready: Entry[] = []
  #callsInFlight = 0
  #immediate: NodeJS.Immediate | undefined
  #cancelWindow: (() => void) | undefined
  #closed: { readonly error: unknown } | undefined

  constructor(target: RelayTarget, options: SenderOptions) {
    this.#target = target
    this.#options = options
  }

  /** Resolves when the queue has stored the message. Rejects with the reason when `signal` aborts. */
  send(message: RelayMessage, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (this.#closed) throw this.#closed.error
      if (this.#entries.has(message.groupId)) throw concurrentRecords()
      const onAbort = () => entry.settle({ error: signal.reason })
      const entry: Entry = {
        message,
        failures: 0,
        isDone: false,
        cancelWait: () => {},
        settle: (outcome) => {
          if (entry.isDone) return
          entry.isDone = true
          signal.removeEventListener('abort', onAbort)
          this.#entries.delete(message.groupId)
          if (outcome === undefined) return resolve()
          entry.cancelWait()
          reject(outcome.error)
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#entries.set(message.groupId, entry)
      this.#ready.push(entry)
      this.#schedule()
    })
  }

  /** Rejects all messages, and those that are sent from now on. */
  close(error: unknown): void {
    this.#closed ??= { error }
    for (const entry of [...this.#entries.values()]) entry.settle(this.#closed)
    this.#ready = []
    this.#cancelSchedule()
  }

  #schedule(): void {
    while (this.#isBatchFull()) this.#startBatch()
    if (this.#ready.length === 0) this.#cancelSchedule()
    // The other records that have become ready in this turn of the event loop join the batch.
    else if (this.#callsInFlight === 0) this.#immediate ??= setImmediate(() => this.#flush())
    else
      this.#cancelWindow ??= this.#options.clock.setTimer(this.#options.maxBatchingWindowMs, () =>
        this.#flush(),
      )
  }

  #cancelSchedule(): void {
    clearImmediate(this.#immediate)
    this.#immediate = undefined
    this.#cancelWindow?.()
    this.#cancelWindow = undefined
  }

  #flush(): void {
    this.#cancelSchedule()
    while (this.#ready.length > 0) this.#startBatch()
  }

  #isBatchFull(): boolean {
    const { maxBatchMessages } = this.#options
    return this.#ready.length >= maxBatchMessages || this.#countBatch() < this.#ready.length
  }

  /** Returns how many of the messages that are ready fit into one call. */
  #countBatch(): number {
    const { maxBatchMessages, maxBatchBytes } = this.#options
    let bytes = 0
    let count = 0
    for (const { message } of this.#ready) {
      bytes += message.bytes
      if (count === maxBatchMessages || (count > 0 && bytes > maxBatchBytes)) break
      count++
    }
    return count
  }

  #startBatch(): void {
    const batch = this.#ready.splice(0, this.#countBatch()).filter(({ isDone }) => !isDone)
    if (batch.length > 0) void this.#publish(batch)
  }

  async #publish(batch: readonly Entry[]): Promise<void> {
    this.#callsInFlight++
    const controller = new AbortController()
    waitTogether(batch, () => controller.abort())
    const messages = batch.map(({ message }) => message)
    let result: unknown
    let failed: { readonly error: unknown } | undefined
    try {
      result = await this.#target.publish(messages, controller.signal)
    } catch (error) {
      failed = { error }
    }
    this.#callsInFlight--
    try {
      if (failed !== undefined) this.#callFailed(batch, failed.error)
      else this.#callSucceeded(batch, readRefused(result, messages))
    } catch (error) {
      // A defect of the target: what became of the messages is unknown.
      for (const entry of batch) entry.settle({ error })
    }
    // The lanes of this batch continue with their next records, which then leave together with what waits.
    this.#immediate ??= setImmediate(() => this.#flush())
  }

  #callFailed(batch: readonly Entry[], error: unknown): void {
    if (this.#target.isPermanent?.(error) === true) for (const entry of batch) entry.settle({ error })
    else this.#retry(batch, error)
  }

  #callSucceeded(batch: readonly Entry[], refused: ReadonlyMap<string, RefusedMessage>): void {
    const again: Entry[] = []
    for (const entry of batch) {
      const refusal = refused.get(entry.message.id)
      if (refusal !== undefined && refusal.isPermanent !== true) again.push(entry)
      else entry.settle(refusal)
    }
    const [first] = again
    if (first !== undefined) this.#retry(again, refused.get(first.message.id)?.error)
  }

  /** Sends messages again after a delay, those that are still wanted. */
  #retry(batch: readonly Entry[], error: unknown): void {
    const wanted = batch.filter(({ isDone }) => !isDone)
    if (wanted.length === 0) return
    for (const entry of wanted) entry.failures++
    const { clock, random, onRetry } = this.#options
    const attempt = Math.max(...wanted.map(({ failures }) => failures))
    const delayMs = backoffMs(attempt, BACKOFF, random)
    const cancel = clock.setTimer(delayMs, () => {
      for (const entry of wanted) entry.cancelWait = () => {}
      this.#ready.push(...wanted.filter(({ isDone }) => !isDone))
      this.#schedule()
    })
    waitTogether(wanted, cancel)
    if (onRetry !== undefined) {
      queueMicrotask(() => onRetry({ attempt, delayMs, messages: wanted.length, error }))
    }
  }
}

/**
 * Returns the refused messages by id.
 *
 * @throws TypeError if `publish` has resolved to anything but refusals of messages that it was called with.
 */
function readRefused(
  result: unknown,
  messages: readonly RelayMessage[],
): ReadonlyMap<string, RefusedMessage> {
  const refused: unknown = result ?? []
  const ids = new Set(messages.map(({ id }) => id))
  const areRefusals = Array.isArray(refused) && refused.every((one) => ids.has(Object(one).message?.id))
  if (!areRefusals)
    throw new TypeError('publish must resolve to nothing, or to an array of refused messages.')
  return new Map(refused.map((one: RefusedMessage) => [one.message.id, one]))
}

/** Lets entries wait for something that is canceled once all of them are done. */
function waitTogether(entries: readonly Entry[], cancel: () => void): void {
  const cancelIfDone = () => {
    if (entries.every(({ isDone }) => isDone)) cancel()
  }
  for (const entry of entries) entry.cancelWait = cancelIfDone
}

function concurrentRecords(): Error {
  return new Error(
    'Two records of one item are sent at the same time, so their order would be lost. Use the relay as the ' +
      "handler of a single run of processStream, with order: 'key' or 'shard'.",
  )
}
