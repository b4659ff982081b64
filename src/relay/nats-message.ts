import { type Clock, isClock, systemClock } from '../core/clock.ts'
import { checkNames, integer, invalidOption, namesOf } from '../core/options.ts'
import { hashItemKey } from '../records/item-key.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { parseRelayedRecord, positionOf } from './relay-message.ts'

/** The part of a message of JetStream (`JsMsg`) that is used here. */
export interface NatsMessage {
  readonly data: Uint8Array
  readonly subject: string
  readonly info?: { readonly deliveryCount: number } | undefined
  /** Acknowledges the message, and resolves to whether the server has confirmed that. */
  ackAck(): Promise<boolean>
  /** Requests that the message is delivered again, after a delay in ms. */
  nak(delayMs?: number): void
  /** Restarts `ack_wait`. */
  working(): void
}

/** The facts about one delivery of a message. */
export interface NatsMessageContext {
  /** The subject, which ends with the number of the partition. */
  readonly subject: string
  /** Identifies the item. */
  readonly groupId: string
  /** How often the message has been delivered, from 1. */
  readonly receiveCount: number | undefined
  /**
   * A string that increases with each change of an item, for conditional writes: `positionOf(record)`.
   */
  readonly position: string
}

/** Handles the record of one message. If it throws or rejects, the message is delivered again. */
export type NatsMessageHandler<Image = PlainItem> = (
  record: StreamRecord<Image>,
  context: NatsMessageContext,
) => unknown

/** Options of {@link handleMessage}. */
export interface HandleMessageOptions {
  /**
   * The `ack_wait` of the consumer, in ms; 100 to 86,400,000. At a third of it, JetStream is notified that
   * the handler is still running, so that it does not deliver the message to another worker.
   * @default 30000
   */
  readonly ackWaitMs?: number | undefined
  /**
   * The delay before a message whose handler has failed is delivered again, in ms; 0 to 86,400,000. The
   * later messages of the partition wait.
   * @default 1000
   */
  readonly nakDelayMs?: number | undefined
  /**
   * Provides the timers, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

const optionNames = namesOf<HandleMessageOptions>({ ackWaitMs: true, nakDelayMs: true, clock: true })

/** The result of {@link handleMessage}. */
export type HandledMessage =
  /** The handler has succeeded, and JetStream has confirmed the acknowledgement. */
  | { readonly result: 'acknowledged' }
  /** The handler has succeeded, but the message may be delivered again, because there was no confirmation. */
  | { readonly result: 'unconfirmed'; readonly error: unknown }
  /** The handler has failed, or the message is not from a relay: the message is delivered again. */
  | { readonly result: 'failed'; readonly error: unknown }

/**
 * Handles one message of a durable consumer with `ack_policy: 'explicit'` and `max_ack_pending: 1`, which
 * receives one partition of a relay in order, and acknowledges it. With these settings JetStream delivers no
 * other message of the partition, to any worker, until this one is acknowledged.
 *
 * It never rejects because of the message or its handler.
 *
 * ```ts
 * for await (const message of await consumer.consume({ max_messages: 1 })) {
 *   await handleMessage(message, (record) => index(record.keys, record.newImage))
 * }
 * ```
 *
 * @throws StreamError `options.invalid` if an argument is invalid.
 */
export async function handleMessage<Image = PlainItem>(
  message: NatsMessage,
  handler: NatsMessageHandler<Image>,
  options: HandleMessageOptions = {},
): Promise<HandledMessage> {
  const { ackWaitMs, nakDelayMs, clock } = checkOptions(message, handler, options)
  const stopWorking = keepWorking(message, ackWaitMs / 3, clock)
  try {
    const record = recordFromMessage<Image>(message)
    await handler(record, {
      subject: message.subject,
      groupId: hashItemKey(record.itemKey),
      receiveCount: message.info?.deliveryCount,
      position: positionOf(record),
    })
  } catch (error) {
    try {
      // Without a delay, nak() would deliver it again at once.
      message.nak(nakDelayMs)
    } catch {
      // The connection was closed: JetStream delivers the message again after `ack_wait`.
    }
    return { result: 'failed', error }
  } finally {
    stopWorking()
  }
  try {
    if (await message.ackAck()) return { result: 'acknowledged' }
    return { result: 'unconfirmed', error: new Error('JetStream did not confirm the acknowledgement.') }
  } catch (error) {
    return { result: 'unconfirmed', error }
  }
}

/**
 * Returns the record of a message that a relay has published.
 *
 * @typeParam Image - the type of the table's items. It is not checked.
 * @throws RelayedRecordError if the message contains anything else.
 */
export function recordFromMessage<Image = PlainItem>(
  message: Pick<NatsMessage, 'data'>,
): StreamRecord<Image> {
  return parseRelayedRecord<Image>(message.data)
}

/** Extends the time to acknowledge a message, until the returned function is called. */
function keepWorking(message: NatsMessage, everyMs: number, clock: Clock): () => void {
  const extend = () => {
    try {
      message.working()
    } catch {
      return // The connection was closed, so nothing can be extended.
    }
    cancel = clock.setTimer(everyMs, extend)
  }
  let cancel = clock.setTimer(everyMs, extend)
  return () => cancel()
}

function checkOptions(message: unknown, handler: unknown, options: HandleMessageOptions) {
  const { data, ackAck } = Object(message) as Partial<NatsMessage>
  if (!(data instanceof Uint8Array) || typeof ackAck !== 'function') {
    throw invalidOption('message', message, 'a message of a JetStream consumer')
  }
  if (typeof handler !== 'function') throw invalidOption('handler', handler, 'a function')
  checkNames('options', options, optionNames)
  const { ackWaitMs = 30_000, nakDelayMs = 1_000, clock = systemClock } = options
  if (!isClock(clock)) throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
  integer('ackWaitMs', ackWaitMs, 100, 86_400_000)
  integer('nakDelayMs', nakDelayMs, 0, 86_400_000)
  return { ackWaitMs, nakDelayMs, clock }
}
