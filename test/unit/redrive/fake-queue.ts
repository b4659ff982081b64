import { type Clock, sleep } from '../../../src/core/clock.ts'
import type { MessageHandle, QueueClient, ReceivedMessage } from '../../../src/redrive/sqs-client.ts'

interface StoredMessage {
  readonly id: string
  readonly body: string
  readonly group: string | undefined
  visibleAt: number
  receives: number
}

/** A queue on a manual clock, with the visibility timeouts and message groups of SQS. */
export class FakeQueue implements QueueClient {
  readonly #clock: Clock
  readonly #messages = new Map<string, StoredMessage>()
  isClosed = false
  receiveCalls = 0
  /** Called before each call; it can throw. */
  before: (operation: 'receive' | 'hide' | 'delete') => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  send(id: string, body: string, group?: string): void {
    this.#messages.set(id, { id, body, group, visibleAt: Number.NEGATIVE_INFINITY, receives: 0 })
  }

  /** The ids of all messages. */
  get ids(): readonly string[] {
    return [...this.#messages.keys()]
  }

  /** The ids of the messages that another consumer could receive now. */
  get visible(): readonly string[] {
    return this.#visible(Number.POSITIVE_INFINITY).map(({ id }) => id)
  }

  async receive({
    waitSeconds,
    visibilitySeconds,
  }: Parameters<QueueClient['receive']>[0]): Promise<readonly ReceivedMessage[]> {
    this.before('receive')
    this.receiveCalls++
    if (this.#visible(1).length === 0) await sleep(this.#clock, waitSeconds * 1000)
    const received = this.#visible(10)
    for (const message of received) {
      message.visibleAt = this.#clock.monotonic() + visibilitySeconds * 1000
      message.receives++
    }
    return received.map(({ id, body, receives }) => ({ id, body, receiptHandle: `${id}#${receives}` }))
  }

  async hide(handles: readonly MessageHandle[], seconds: number): Promise<readonly MessageHandle[]> {
    this.before('hide')
    if (handles.length === 0 || handles.length > 10) throw new Error('A batch has 1 to 10 entries.')
    return handles.filter((handle) => {
      const message = this.#hidden(handle)
      if (message !== undefined) message.visibleAt = this.#clock.monotonic() + seconds * 1000
      return message === undefined
    })
  }

  async delete(handle: MessageHandle): Promise<void> {
    this.before('delete')
    const message = this.#hidden(handle)
    if (message === undefined) throw new Error('The receipt handle has expired.')
    this.#messages.delete(message.id)
  }

  close(): void {
    this.isClosed = true
  }

  /** Of a group with a hidden message, no message can be received. */
  #visible(limit: number): readonly StoredMessage[] {
    const now = this.#clock.monotonic()
    const visible: StoredMessage[] = []
    const lockedGroups = new Set<string>()
    for (const message of this.#messages.values()) {
      if (visible.length === limit) break
      const { group, visibleAt } = message
      if (visibleAt > now && group !== undefined) lockedGroups.add(group)
      if (visibleAt <= now && !lockedGroups.has(group ?? '')) visible.push(message)
    }
    return visible
  }

  #hidden({ id, receiptHandle }: MessageHandle): StoredMessage | undefined {
    const message = this.#messages.get(id)
    const isHidden = message !== undefined && message.visibleAt > this.#clock.monotonic()
    return isHidden && receiptHandle === `${id}#${message.receives}` ? message : undefined
  }
}
