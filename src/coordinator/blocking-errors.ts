import { type GapReason, StreamError } from '../core/errors.ts'
import { streamNotFound } from '../core/stream-not-found.ts'
import type { ShardReader } from '../reader/shard-reader.ts'

const noReaders: readonly ShardReader[] = []

/**
 * Errors that block reading, kept until the consumer requests the next record. They are thrown immediately,
 * or, if the stream no longer exists, once all buffered records have been delivered.
 *
 * @internal
 */
export class BlockingErrors {
  readonly #streamArn: string
  /** Thrown by every call until the position is changed. */
  #gap: StreamError<'records.trimmed'> | undefined
  /** Thrown when the buffer is empty. */
  #streamGone: { readonly cause: unknown } | undefined
  /** Thrown once; the readers that it stopped then continue. */
  #failure: { readonly error: unknown } | undefined
  /**
   * Whether a failure was thrown, and the consumer has not requested a record since. Failures that arrive in
   * between are dropped, because they would be outdated by then.
   */
  #isThrown = false
  readonly #stopped: ShardReader[] = []

  constructor(streamArn: string) {
    this.#streamArn = streamArn
  }

  get isStreamGone(): boolean {
    return this.#streamGone !== undefined
  }

  /** Whether nothing more can be read at this position. */
  get isFinal(): boolean {
    return this.#gap !== undefined || this.#streamGone !== undefined
  }

  gap(gap: { shardId: string; after: string | undefined; reason: GapReason }, cause: unknown): void {
    const where = gap.after === undefined ? 'its start' : `after ${gap.after}`
    const what =
      gap.reason === 'shard-vanished'
        ? `Shard ${gap.shardId} no longer exists`
        : `The position in shard ${gap.shardId} (${where}) is older than the oldest retained record`
    const help =
      "Move to another position, or set onGap to 'continue' to resume at the oldest retained record."
    this.#gap ??= new StreamError(
      'records.trimmed',
      `${what}: records were trimmed before they were read. ${help}`,
      gap,
      cause,
    )
  }

  streamGone(cause: unknown): void {
    this.#streamGone ??= { cause }
  }

  /** @param reader - the reader that the error stopped; undefined if the error does not concern a shard. */
  fail(error: unknown, reader: ShardReader | undefined): void {
    if (reader) this.#stopped.push(reader)
    if (!this.#isThrown) this.#failure ??= { error }
  }

  /** Returns the error to throw now, or undefined. */
  takeError(): { readonly error: unknown } | undefined {
    if (this.#gap) return { error: this.#gap }
    const failure = this.#failure
    this.#failure = undefined
    this.#isThrown = failure !== undefined
    return failure
  }

  /** Returns the readers that errors stopped, to be scheduled again once the error has been thrown. */
  takeStopped(): readonly ShardReader[] {
    return this.#stopped.length === 0 ? noReaders : this.#stopped.splice(0)
  }

  throwIfStreamGone(): void {
    if (this.#streamGone) throw streamNotFound(this.#streamArn, this.#streamGone.cause)
  }
}
