import { checkNames, integer, invalidOption, namesOf } from '../core/options.ts'
import { type JetStreamLike, natsTarget } from './nats-target.ts'
import { createRelay, type Relay, type RelayOptions, relayOptionNames } from './relay.ts'

export {
  type HandledMessage,
  type HandleMessageOptions,
  handleMessage,
  type NatsMessage,
  type NatsMessageContext,
  type NatsMessageHandler,
  recordFromMessage,
} from './nats-message.ts'
export type { JetStreamLike, PublishAck } from './nats-target.ts'
export type { Relay, RelayOptions } from './relay.ts'
export { positionOf, RelayedRecordError } from './relay-message.ts'
export type { RelayRetry } from './relay-target.ts'

/** Options of {@link natsRelay}. */
export interface NatsRelayOptions extends Omit<RelayOptions, 'maxBatchingWindowMs'> {
  /** What `jetstream(connection)` of `@nats-io/jetstream` returns. It is not closed by `close()`. */
  readonly jetstream: JetStreamLike
  /**
   * The subject, without the number of the partition: with `orders`, messages are published to `orders.0`,
   * `orders.1` and so on. A stream must store all of them, such as one with the subject `orders.*`.
   */
  readonly subject: string
  /**
   * The number of partitions; 1 to 10,000. The records of an item are always in the same partition, and each
   * partition is consumed in order, one message at a time. So it is the maximum number of messages that are
   * handled at the same time. It can be changed only when all messages have been consumed.
   */
  readonly partitions: number
  /**
   * How long to wait for the acknowledgement of JetStream, in ms; 1 to 600,000. Then the message is sent
   * again.
   * @default 5000
   */
  readonly timeoutMs?: number | undefined
  /**
   * The size of the largest message, in bytes; 1 or more. At most the `max_payload` of the server, without
   * about 100 bytes for the headers, and the `max_msg_size` of the stream.
   * @default 1048476
   */
  readonly maxMessageBytes?: number | undefined
}

const { maxBatchingWindowMs: _, ...sharedNames } = relayOptionNames
const optionNames = namesOf<NatsRelayOptions>({
  ...sharedNames,
  jetstream: true,
  subject: true,
  partitions: true,
  timeoutMs: true,
  maxMessageBytes: true,
})

/** The server's default of `max_payload`, 1 MiB, includes the headers. */
const DEFAULT_MAX_BYTES = 1_048_576 - 100

/**
 * Creates a relay that publishes records to a stream of NATS JetStream: a handler of `processStream` that
 * settles a record when JetStream has acknowledged it.
 *
 * ```ts
 * await using relay = natsRelay({ jetstream: jetstream(connection), subject: 'orders', partitions: 64 })
 * await relay.check()
 * await processStream(stream, relay, { concurrency: 200 })
 * ```
 *
 * **Messages.** The partition is determined by a hash of the item's key. The header `Nats-Msg-Id` is the
 * `eventId`: a record that is published again within the `duplicate_window` of the stream, two minutes by
 * default, is not stored twice. The body is the JSON of the record as in an event of Lambda, and `shardId` in
 * addition. Use {@link handleMessage} to consume it.
 *
 * **Failures.** Publishing is repeated until it succeeds or the run stops, also if no stream has the subject,
 * see {@link RelayOptions.onRetry}. If the connection is closed, or a permission is missing, the attempts
 * fail with the error of the client. A record that is too large is rejected.
 *
 * Works with NATS server 2.9 or newer, and with any client that has the same method `publish`. The package
 * `@nats-io/jetstream` is not imported.
 *
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function natsRelay(options: NatsRelayOptions): Relay {
  checkNames('', options, optionNames, {
    call: 'natsRelay',
    options: "{ jetstream: jetstream(connection), subject: 'orders', partitions: 64 }",
  })
  const { jetstream, subject, partitions, timeoutMs = 5_000, maxMessageBytes = DEFAULT_MAX_BYTES } = options
  if (typeof Object(jetstream).publish !== 'function') {
    throw invalidOption('jetstream', jetstream, 'a client that jetstream(connection) has returned')
  }
  if (typeof subject !== 'string' || !/^(?!\$)[^\s.*>\p{Cc}]+(\.[^\s.*>\p{Cc}]+)*$/u.test(subject)) {
    throw invalidOption(
      'subject',
      subject,
      'a subject without wildcards that does not start with $, such as orders',
    )
  }
  integer('partitions', partitions, 1, 10_000)
  integer('timeoutMs', timeoutMs, 1, 600_000)
  integer('maxMessageBytes', maxMessageBytes, 1, Number.MAX_SAFE_INTEGER)
  const { onRetry, clock, random } = options
  return createRelay(natsTarget({ jetstream, subject, partitions, timeoutMs, maxMessageBytes }), {
    onRetry,
    clock,
    random,
  })
}
