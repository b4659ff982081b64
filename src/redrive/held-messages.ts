import type { Clock } from '../core/clock.ts'
import { MAX_MESSAGES_PER_CALL, type MessageHandle, type QueueClient } from './sqs-client.ts'

/** How long a message stays hidden if this process dies, in ms. */
export const VISIBILITY_MS = 120_000

/** Messages are hidden for longer at this interval, in ms, so that two failed calls do not matter. */
const EXTEND_EVERY_MS = 30_000

/** A message is handled only if it is certainly hidden for this long, in ms. */
const MARGIN_MS = 20_000

interface HeldMessage {
  handle: MessageHandle
  /** Until when it is certainly hidden, in monotonic ms. */
  hiddenUntil: number
}

/**
 * The messages that a redrive has received. They stay hidden from other consumers until they are deleted or
 * released, however long that takes. SQS allows 12 hours; after that, a message is received again.
 */
export class HeldMessages {
  readonly #queue: QueueClient
  readonly #clock: Clock
  readonly #held = new Map<string, HeldMessage>()
  #cancelTimer: (() => void) | undefined
  #extending: Promise<void> = Promise.resolve()

  constructor(queue: QueueClient, clock: Clock) {
    this.#queue = queue
    this.#clock = clock
  }

  get size(): number {
    return this.#held.size
  }

  /**
   * Holds a message.
   *
   * @param requestedAt - when the call was made that has hidden it, in monotonic ms.
   * @returns false if it was held already: it had become visible, and was received again.
   */
  add({ id, receiptHandle }: MessageHandle, requestedAt: number): boolean {
    const handle = { id, receiptHandle }
    const known = this.#held.get(handle.id)
    this.#held.set(handle.id, { handle, hiddenUntil: requestedAt + VISIBILITY_MS })
    this.#cancelTimer ??= this.#clock.setTimer(EXTEND_EVERY_MS, () => this.#extendAll())
    return known === undefined
  }

  /** Returns whether no other consumer can receive the message in the near future. */
  async claim(id: string): Promise<boolean> {
    const held = this.#held.get(id)
    if (held === undefined) return false
    if (this.#isHidden(held)) return true
    await this.#extend([held]).catch(() => {})
    return this.#isHidden(held)
  }

  /** Deletes a message. */
  async delete(id: string): Promise<void> {
    const held = this.#held.get(id)
    if (held === undefined) return
    await this.#queue.delete(held.handle)
    this.#held.delete(id)
  }

  /** Makes all messages visible again, as far as that is possible. Otherwise they become visible later. */
  async release(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    await this.#extending
    const handles = [...this.#held.values()].map(({ handle }) => handle)
    this.#held.clear()
    for (const batch of batchesOf(handles)) await this.#queue.hide(batch, 0).catch(() => {})
  }

  #isHidden({ hiddenUntil }: HeldMessage): boolean {
    return hiddenUntil - this.#clock.monotonic() > MARGIN_MS
  }

  #extendAll(): void {
    this.#extending = this.#extendBatches().then(() => {
      if (this.#cancelTimer === undefined) return
      this.#cancelTimer = this.#clock.setTimer(EXTEND_EVERY_MS, () => this.#extendAll())
    })
  }

  /** A call that fails is repeated after the interval. */
  async #extendBatches(): Promise<void> {
    for (const batch of batchesOf([...this.#held.values()])) {
      if (this.#cancelTimer === undefined) return
      await this.#extend(batch).catch(() => {})
    }
  }

  async #extend(messages: readonly HeldMessage[]): Promise<void> {
    const requestedAt = this.#clock.monotonic()
    // Meanwhile, a message can be deleted, or be received again with another receipt handle.
    const handles = messages.map(({ handle }) => handle)
    const failed = await this.#queue.hide(handles, VISIBILITY_MS / 1000)
    messages.forEach((message, index) => {
      const handle = handles[index] as MessageHandle
      if (!failed.includes(handle)) message.hiddenUntil = requestedAt + VISIBILITY_MS
    })
  }
}

function* batchesOf<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let from = 0; from < items.length; from += MAX_MESSAGES_PER_CALL) {
    yield items.slice(from, from + MAX_MESSAGES_PER_CALL)
  }
}
