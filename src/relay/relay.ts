import { type Clock, isClock, systemClock } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption, namesOf, type OptionsExample } from '../core/options.ts'
import type { RecordContext } from '../processing/handler.ts'
import { RejectError } from '../processing/reject-error.ts'
import { MessageSender } from './message-sender.ts'
import { type AnyRecord, toRelayMessage } from './relay-message.ts'
import type { RelayRetry, RelayTarget } from './relay-target.ts'

/** Options of all relays. */
export interface RelayOptions {
  /**
   * How long a message waits for others, to be sent in the same call, while another call is in flight, in ms;
   * 0 to 60,000. If no call is in flight, a message is sent at once.
   * @default 20
   */
  readonly maxBatchingWindowMs?: number | undefined
  /**
   * Called whenever a call has failed and will be repeated, for logs. An error that it throws is uncaught.
   * @default failed calls are not reported
   */
  readonly onRetry?: ((retry: RelayRetry) => void) | undefined
  /**
   * Provides the timers, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
  /**
   * The source of random numbers from 0 (inclusive) to 1 (exclusive) for jitter, for tests.
   * @default Math.random
   */
  readonly random?: (() => number) | undefined
}

/** The names of {@link RelayOptions}, for those that extend them. */
export const relayOptionNames: Record<keyof RelayOptions, true> = {
  maxBatchingWindowMs: true,
  onRetry: true,
  clock: true,
  random: true,
}

const targetNames = namesOf<RelayTarget>({
  name: true,
  maxMessageBytes: true,
  maxBatchMessages: true,
  maxBatchBytes: true,
  publish: true,
  isPermanent: true,
  check: true,
  close: true,
})

/**
 * A handler of `processStream` that sends records to a queue. A record is handled when the queue has stored
 * it, so a checkpoint covers only records that are in the queue.
 */
export interface Relay extends AsyncDisposable {
  /** Sends a record. Called by `processStream`. */
  (record: AnyRecord, context: Pick<RecordContext, 'signal'>): Promise<void>
  /** `processStream` refuses a handler with this property together with `order: 'none'`. */
  readonly keepsOrder: true
  /**
   * Checks that the queue exists and can be used, and rejects with the error of its client if not. Call it
   * before `processStream`, to stop at a wrong name or a missing permission at once.
   */
  check(): Promise<void>
  /** Closes the relay. Records that it has not sent are rejected with `closed`. Call it after the run. */
  close(): Promise<void>
}

const exampleOfTarget: OptionsExample = {
  call: 'createRelay',
  options: "{ name: 'the Kafka topic orders', maxMessageBytes: 1_000_000, publish }",
}

/**
 * Creates a relay for a queue of another kind: a handler of `processStream` that sends each record to the
 * queue, and settles it when the queue has stored it.
 *
 * - **Order.** At most one record of an item is being sent at any time: `processStream` starts the next one
 *   when the queue has stored the previous one, with `order: 'key'` (the default) or `'shard'`. `order:
 *   'none'` is refused.
 * - **Batches.** Records of different items that are ready at the same time are sent in one call. Hence
 *   `concurrency` must be much greater than the number of messages per call: 200 is a good value for SQS.
 * - **Retries.** A call that fails is repeated, with a delay of up to 10 s, until it succeeds or the run
 *   stops. An outage of the queue costs no attempt and no record. After `stallAfterMs`, the run emits
 *   `stalled`. `handlerTimeoutMs` is refused.
 * - **Size.** A record that is too large for a message is rejected: it goes to `onFailure` with the condition
 *   `Rejected`, or the run stops.
 *
 * Use one relay per run. The function that it returns rejects with a `RejectError` for a record that is too
 * large, with `closed` after `close()`, and with the error of the queue if that is permanent.
 *
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function createRelay(target: RelayTarget, options: RelayOptions = {}): Relay {
  checkNames('', target, targetNames, exampleOfTarget)
  checkNames('options', options, Object.keys(relayOptionNames))
  const { name, maxBatchMessages = 1, maxBatchBytes } = target
  if (typeof name !== 'string') throw invalidOption('name', name, 'a string')
  if (typeof target.publish !== 'function') throw invalidOption('publish', target.publish, 'a function')
  integer('maxMessageBytes', target.maxMessageBytes, 1, Number.MAX_SAFE_INTEGER)
  const sender = new MessageSender(target, {
    ...checkRelayOptions(options),
    maxBatchMessages: integer('maxBatchMessages', maxBatchMessages, 1, 10_000),
    maxBatchBytes:
      maxBatchBytes === undefined
        ? Number.POSITIVE_INFINITY
        : integer('maxBatchBytes', maxBatchBytes, target.maxMessageBytes, Number.MAX_SAFE_INTEGER),
  })

  const relay = async (record: AnyRecord, { signal }: Pick<RecordContext, 'signal'>): Promise<void> => {
    const message = toRelayMessage(record)
    // Read now, because a target can learn its limit.
    const { maxMessageBytes } = target
    if (message.bytes > maxMessageBytes) throw tooLarge(name, message.bytes, maxMessageBytes)
    await sender.send(message, signal)
  }
  const close = async () => {
    sender.close(new StreamError('closed', 'The relay was closed.', {}))
    await target.close?.()
  }
  return Object.assign(relay, {
    keepsOrder: true as const,
    check: async () => target.check?.(),
    close,
    [Symbol.asyncDispose]: close,
  })
}

/** Returns the error for a message that is too large. Its record is given up without another attempt. */
export function tooLarge(name: string, bytes: number | undefined, maxBytes: number): RejectError {
  const size = bytes === undefined ? 'is too large' : `has ${bytes} bytes`
  return new RejectError(
    `The message with the record ${size}, but ${name} accepts at most ${maxBytes} bytes.`,
  )
}

interface CheckedRelayOptions {
  readonly maxBatchingWindowMs: number
  readonly onRetry: ((retry: RelayRetry) => void) | undefined
  readonly clock: Clock
  readonly random: () => number
}

function checkRelayOptions(options: RelayOptions): CheckedRelayOptions {
  const { maxBatchingWindowMs = 20, onRetry, clock = systemClock, random = Math.random } = options
  if (onRetry !== undefined && typeof onRetry !== 'function') {
    throw invalidOption('onRetry', onRetry, 'a function')
  }
  if (!isClock(clock)) throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
  if (typeof random !== 'function') throw invalidOption('random', random, 'a function')
  integer('maxBatchingWindowMs', maxBatchingWindowMs, 0, 60_000)
  return { maxBatchingWindowMs, onRetry, clock, random }
}
