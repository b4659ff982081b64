import type { RelayMessage } from './relay-message.ts'

/**
 * A queue to which a relay sends records. Everything else is done by `createRelay`: the form of the
 * messages, their limits of size, batches, retries and the order of each item.
 */
export interface RelayTarget {
  /** The name of the queue in error messages, such as `the Kafka topic orders`. */
  readonly name: string
  /** The maximum size of the body of a message, in bytes; 1 or more. */
  readonly maxMessageBytes: number
  /**
   * The maximum number of messages per call of `publish`; 1 or more.
   * @default 1
   */
  readonly maxBatchMessages?: number | undefined
  /**
   * The maximum total size of the bodies per call of `publish`, in bytes; `maxMessageBytes` or more.
   * @default no limit
   */
  readonly maxBatchBytes?: number | undefined
  /**
   * Sends messages, each of another group. It must resolve only when the queue has stored them all, except
   * for those that it returns, and it must settle at some time: use a time limit. If it rejects, whether any
   * message was stored is unknown, and all of them are sent again.
   *
   * @param signal - aborts when the result no longer matters.
   * @returns the messages that the queue has refused.
   */
  publish(
    messages: readonly RelayMessage[],
    signal: AbortSignal,
  ): Promise<readonly RefusedMessage[]> | Promise<void>
  /**
   * Returns whether a call that failed with this error would always fail. The attempt of `processStream` then
   * fails with the error. Otherwise the relay repeats the call.
   * @default false for all errors
   */
  isPermanent?(error: unknown): boolean
  /** Checks that the queue exists and can be used. Rejects if not. */
  check?(): Promise<void>
  /** Closes what `publish` has opened. */
  close?(): Promise<void> | void
}

/** A message that the queue did not accept, while it may have accepted others of the same call. */
export interface RefusedMessage {
  readonly message: RelayMessage
  readonly error: unknown
  /**
   * Whether the queue would refuse it again. The attempt of `processStream` then fails with the error.
   * Otherwise the relay sends the message again.
   * @default false
   */
  readonly isPermanent?: boolean | undefined
}

/** A call that has failed, and will be repeated. */
export interface RelayRetry {
  /** How often the messages have been sent without success; 1 or more. */
  readonly attempt: number
  /** The delay before they are sent again, in ms. */
  readonly delayMs: number
  /** How many messages are sent again. */
  readonly messages: number
  readonly error: unknown
}
