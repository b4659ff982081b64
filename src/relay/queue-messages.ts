import { type Clock, isClock, systemClock } from '../core/clock.ts'
import { checkNames, integer, invalidOption, namesOf } from '../core/options.ts'
import { hashItemKey } from '../records/item-key.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { parseRelayedRecord, positionOf, RelayedRecordError } from './relay-message.ts'

/**
 * A message of SQS: of `ReceiveMessageCommand` and sqs-consumer, or, in lower case, of an event of Lambda.
 * Only the body is required.
 */
export interface QueueMessage {
  readonly MessageId?: string | undefined
  readonly Body?: string | undefined
  readonly Attributes?: Readonly<Partial<Record<string, string>>> | undefined
  readonly messageId?: string | undefined
  readonly body?: string | undefined
  readonly attributes?: object | undefined
}

/** The facts about one delivery of a message. */
export interface MessageContext {
  /** The id that SQS has assigned to the message. */
  readonly messageId: string
  /** The message group, which is the same for all records of an item. */
  readonly groupId: string
  /**
   * How often the message has been received, from 1. `undefined` if the attribute `ApproximateReceiveCount`
   * was not requested.
   */
  readonly receiveCount: number | undefined
  /**
   * A string that increases with each change of an item, for conditional writes: `positionOf(record)`.
   */
  readonly position: string
  /** Aborts when `options.signal` does, and when `visibilityTimeoutMs` has elapsed. */
  readonly signal: AbortSignal
}

/**
 * Handles the record of one message. The message is acknowledged when the function returns or, if it returns
 * a promise, when the promise is fulfilled. If it throws or rejects, the message stays in the queue.
 */
export type MessageHandler<Image = PlainItem> = (
  record: StreamRecord<Image>,
  context: MessageContext,
) => unknown

/** Options of {@link handleMessages}. */
export interface HandleMessagesOptions {
  /**
   * How many message groups are handled concurrently; 1 to 10,000.
   * @default 10
   */
  readonly concurrency?: number | undefined
  /**
   * The visibility timeout of the queue, or for how long the messages were requested, in ms; 1 to 43,200,000.
   * After this time, counted from the call of `handleMessages`, another worker can receive the messages, so
   * no handler is started, and `context.signal` aborts. The messages that remain are not acknowledged.
   * @default no limit
   */
  readonly visibilityTimeoutMs?: number | undefined
  /** When it aborts, no handler is started, and `context.signal` aborts. */
  readonly signal?: AbortSignal | undefined
  /**
   * Provides the timers, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

const optionNames = namesOf<HandleMessagesOptions>({
  concurrency: true,
  visibilityTimeoutMs: true,
  signal: true,
  clock: true,
})

/** A message that was not handled, because of an error. */
export interface MessageFailure<Message> {
  readonly message: Message
  /** What the handler has thrown, or a {@link RelayedRecordError}. */
  readonly error: unknown
}

/** What a Lambda function with `ReportBatchItemFailures` returns. */
export interface BatchItemFailures {
  readonly batchItemFailures: { readonly itemIdentifier: string }[]
}

/**
 * The result of {@link handleMessages}. A Lambda function returns only its `batchItemFailures`, because the
 * messages can exceed the size of a response.
 */
export interface HandledMessages<Message> extends BatchItemFailures {
  /** The messages to delete, in the order of the batch. `handleMessageBatch` of sqs-consumer returns them. */
  readonly acknowledged: Message[]
  /** The first message of each group that has failed, with its error. */
  readonly failures: readonly MessageFailure<Message>[]
  /** The messages that were not handled: behind a failure of their group, or after the end of the time. */
  readonly skipped: readonly Message[]
}

/**
 * Handles the messages of one batch from a FIFO queue that a relay fills. Groups are handled concurrently,
 * and the messages of each group in order, one at a time. At the first failure of a group, its later messages
 * are neither handled nor acknowledged, so that they arrive again behind the failed one, in order.
 *
 * It never rejects because of a message or its handler. A body that is not from a relay is a failure like any
 * other: its group waits until the redrive policy of the queue removes the message.
 *
 * ```ts
 * // sqs-consumer
 * handleMessageBatch: async (messages) => (await handleMessages(messages, index)).acknowledged
 * // AWS Lambda, with ReportBatchItemFailures
 * export const handler = async (event: SQSEvent): Promise<SQSBatchResponse> => {
 *   const { batchItemFailures } = await handleMessages(event.Records, index)
 *   return { batchItemFailures }
 * }
 * ```
 *
 * @throws StreamError `options.invalid` if an argument is invalid.
 */
export async function handleMessages<Message extends QueueMessage, Image = PlainItem>(
  messages: readonly Message[],
  handler: MessageHandler<Image>,
  options: HandleMessagesOptions = {},
): Promise<HandledMessages<Message>> {
  const { concurrency, visibilityTimeoutMs, signal, clock } = checkOptions(messages, handler, options)
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  const cancelTimer =
    visibilityTimeoutMs === undefined
      ? undefined
      : clock.setTimer(visibilityTimeoutMs, () => controller.abort(timeIsOver(visibilityTimeoutMs)))
  const batch = new MessageBatch(messages, handler, controller.signal)
  try {
    const groups = batch.groups.values()
    const worker = async () => {
      // The workers share the iterator.
      for (const group of groups) await batch.handleGroup(group)
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, batch.groups.size) }, worker))
  } finally {
    cancelTimer?.()
    signal?.removeEventListener('abort', abort)
  }
  return batch.result()
}

/**
 * Returns the record of a message that a relay has sent.
 *
 * @typeParam Image - the type of the table's items. It is not checked.
 * @throws RelayedRecordError if the body is anything else.
 */
export function recordFromMessage<Image = PlainItem>(message: QueueMessage): StreamRecord<Image> {
  const body: unknown = message.Body ?? message.body
  if (typeof body !== 'string') throw new RelayedRecordError('it has no body.')
  return parseRelayedRecord<Image>(body)
}

/** A message of a batch, with its record if it has one. */
interface Received<Message, Image> {
  readonly message: Message
  readonly groupId: string
  readonly record: StreamRecord<Image> | undefined
  /** Why there is no record. */
  readonly error: unknown
}

class MessageBatch<Message extends QueueMessage, Image> {
  readonly groups = new Map<string, Received<Message, Image>[]>()
  readonly #messages: readonly Message[]
  readonly #handler: MessageHandler<Image>
  readonly #signal: AbortSignal
  readonly #acknowledged = new Set<Message>()
  readonly #failures: MessageFailure<Message>[] = []

  constructor(messages: readonly Message[], handler: MessageHandler<Image>, signal: AbortSignal) {
    this.#messages = messages
    this.#handler = handler
    this.#signal = signal
    for (const message of messages) {
      const received = receive<Message, Image>(message)
      const group = this.groups.get(received.groupId)
      if (group === undefined) this.groups.set(received.groupId, [received])
      else group.push(received)
    }
  }

  async handleGroup(group: readonly Received<Message, Image>[]): Promise<void> {
    for (const received of group) {
      if (this.#signal.aborted) return
      try {
        await this.#handle(received)
      } catch (error) {
        this.#failures.push({ message: received.message, error })
        return
      }
      this.#acknowledged.add(received.message)
    }
  }

  async #handle({ message, groupId, record, error }: Received<Message, Image>): Promise<void> {
    if (record === undefined) throw error
    const count = Number(attributesOf(message).ApproximateReceiveCount)
    await this.#handler(record, {
      messageId: idOf(message),
      groupId,
      receiveCount: count > 0 ? count : undefined,
      position: positionOf(record),
      signal: this.#signal,
    })
  }

  result(): HandledMessages<Message> {
    const failed = new Set(this.#failures.map(({ message }) => message))
    const remaining = this.#messages.filter((message) => !this.#acknowledged.has(message))
    return {
      acknowledged: this.#messages.filter((message) => this.#acknowledged.has(message)),
      failures: this.#failures,
      skipped: remaining.filter((message) => !failed.has(message)),
      batchItemFailures: remaining.map((message) => ({ itemIdentifier: idOf(message) })),
    }
  }
}

function receive<Message extends QueueMessage, Image>(message: Message): Received<Message, Image> {
  const { MessageGroupId } = attributesOf(message)
  try {
    const record = recordFromMessage<Image>(message)
    // The attribute may not have been requested.
    return { message, groupId: MessageGroupId ?? hashItemKey(record.itemKey), record, error: undefined }
  } catch (error) {
    return { message, groupId: MessageGroupId ?? `message ${idOf(message)}`, record: undefined, error }
  }
}

function attributesOf(message: QueueMessage): Readonly<Partial<Record<string, string>>> {
  return (message.Attributes ?? message.attributes ?? {}) as Readonly<Partial<Record<string, string>>>
}

function idOf(message: QueueMessage): string {
  return message.MessageId ?? message.messageId ?? ''
}

function timeIsOver(visibilityTimeoutMs: number): Error {
  const error = new Error(`The visibility timeout of ${visibilityTimeoutMs} ms has elapsed.`)
  error.name = 'TimeoutError'
  return error
}

function checkOptions(messages: unknown, handler: unknown, options: HandleMessagesOptions) {
  if (!Array.isArray(messages)) throw invalidOption('messages', messages, 'an array of messages')
  for (const [index, message] of messages.entries()) {
    if (typeof message === 'object' && message !== null) continue
    throw invalidOption(`messages[${index}]`, message, 'a message')
  }
  if (typeof handler !== 'function') throw invalidOption('handler', handler, 'a function')
  checkNames('options', options, optionNames)
  const { concurrency = 10, visibilityTimeoutMs, signal, clock = systemClock } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidOption('signal', signal, 'an AbortSignal')
  }
  if (!isClock(clock)) throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
  integer('concurrency', concurrency, 1, 10_000)
  if (visibilityTimeoutMs !== undefined) integer('visibilityTimeoutMs', visibilityTimeoutMs, 1, 43_200_000)
  return { concurrency, visibilityTimeoutMs, signal, clock }
}
