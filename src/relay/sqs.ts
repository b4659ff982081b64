import { clientHint } from '../core/client-hint.ts'
import { checkNames, integer, invalidOption, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { DEFAULT_TIMEOUT_MS } from '../destinations/aws-client.ts'
import { checkCallOptions } from '../destinations/aws-client-options.ts'
import { checkQueueUrl, isFifoQueue } from '../destinations/queue-url.ts'
import { createRelay, type Relay, type RelayOptions, relayOptionNames } from './relay.ts'
import { MAX_MESSAGE_BYTES, sqsTarget } from './sqs-target.ts'

export {
  type BatchItemFailures,
  type HandledMessages,
  type HandleMessagesOptions,
  handleMessages,
  type MessageContext,
  type MessageFailure,
  type MessageHandler,
  type QueueMessage,
  recordFromMessage,
} from './queue-messages.ts'
export type { Relay, RelayOptions } from './relay.ts'
export { positionOf, RelayedRecordError } from './relay-message.ts'
export type { RelayRetry } from './relay-target.ts'

/** Options of {@link sqsFifoRelay}. */
export interface SqsFifoRelayOptions extends RelayOptions {
  /**
   * The URL of a FIFO queue, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo`. A
   * standard queue is refused: it does not keep the order, even with message groups.
   */
  readonly queueUrl: string
  /**
   * An `SQSClient` of the AWS SDK for JavaScript v3. It is not destroyed by `close()`.
   * @default a client that is configured by the environment, for the region in the URL of the queue
   */
  readonly client?: SdkClient | undefined
  /**
   * How long a call may take before it counts as failed, including the retries of the SDK, in ms; 1 to
   * 600,000. A call without a response may have been executed.
   * @default 30000
   */
  readonly timeoutMs?: number | undefined
  /**
   * The size of the largest message that the queue accepts, in bytes; 1,024 to 1,048,576. Set it if the
   * attribute `MaximumMessageSize` of the queue is lower than 1 MiB. `check()` reads the attribute.
   * @default 1048576
   */
  readonly maxMessageBytes?: number | undefined
}

const optionNames = namesOf<SqsFifoRelayOptions>({
  ...relayOptionNames,
  queueUrl: true,
  client: true,
  timeoutMs: true,
  maxMessageBytes: true,
})

/**
 * Creates a relay that sends records to an SQS FIFO queue: a handler of `processStream` that settles a record
 * when the queue has stored it.
 *
 * ```ts
 * await using relay = sqsFifoRelay({ queueUrl })
 * await relay.check()
 * await processStream(stream, relay, { concurrency: 200 })
 * ```
 *
 * **Messages.** The message group is a hash of the item's key, so consumers receive the records of an item in
 * order. The deduplication id is the `eventId`: a record that is sent again within five minutes is not stored
 * twice. The body is the JSON of the record as in an event of Lambda, and `shardId` in addition. Use
 * {@link handleMessages} to consume it.
 *
 * **Calls.** Up to 10 messages and 1 MiB are sent per call of SendMessageBatch, never two of one group,
 * because SQS could refuse the first and accept the second one. Up to `concurrency` records are being sent at
 * the same time.
 *
 * **Failures.** Calls that fail are repeated until they succeed or the run stops, see
 * {@link RelayOptions.onRetry}. Until a call has succeeded for the first time, this does not apply to errors
 * that need human action, such as a missing queue or permission: the attempts fail with the error of the SDK.
 * A message that SQS refuses because of its content fails the attempt of its record only. A record whose
 * message is larger than 1 MiB is rejected.
 *
 * **Permissions.** `sqs:SendMessage`, and `sqs:GetQueueAttributes` for `check()`. The package
 * `@aws-sdk/client-sqs` must be installed; it is imported on the first call.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function sqsFifoRelay(options: SqsFifoRelayOptions): Relay {
  checkNames('', options, optionNames, {
    call: 'sqsFifoRelay',
    options: "{ queueUrl: 'https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo' }",
    hint: clientHint('SQSClient'),
  })
  const queueUrl = checkQueueUrl(options.queueUrl)
  if (!isFifoQueue(queueUrl)) {
    throw invalidOption('queueUrl', queueUrl, 'the URL of a FIFO queue, whose name ends with .fifo')
  }
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxMessageBytes = MAX_MESSAGE_BYTES } = options
  const { maxBatchingWindowMs, onRetry, clock, random } = options
  const call = checkCallOptions({ client: options.client, timeoutMs, clock })
  integer('maxMessageBytes', maxMessageBytes, 1_024, MAX_MESSAGE_BYTES)
  return createRelay(sqsTarget(queueUrl, call, maxMessageBytes), {
    maxBatchingWindowMs,
    onRetry,
    clock,
    random,
  })
}
