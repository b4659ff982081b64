import { type GapReason, StreamError } from '../core/errors.ts'
import { streamNotFound } from '../core/stream-not-found.ts'
import type { ShardReader } from '../reader/shard-reader.ts'

const none: readonly ShardReader[] = []

/**
 * Errors that block reading, to be thrown when the consumer comes for the next record: at once, or once the buffered
 * records are delivered.
 *
 * @internal
 */
export class BlockingErrors {
  readonly #streamArn: string
  /** Thrown at every call, until the position is changed. */
  #gap: StreamError<'records.trimmed'> | undefined
  /** Thrown once nothing is left in the buffer. */
  #streamGone: { readonly cause: unknown } | undefined
  /** Thrown once; then what it stopped proceeds. */
  #failure: { readonly error: unknown } | undefined
  /** A failure was thrown, and the caller has not come back yet: others that arrive meanwhile are out of date when it does. */
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
        ? `Shard ${gap.shardId} is gone`
        : `The position in shard ${gap.shardId} (${where}) is older than the oldest record that is left`
    const help =
      "Move to another position, or set onGap to 'continue' to resume at the oldest record that is left."
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

  /** @param reader - the reader that the error stopped, if it was one. */
  fail(error: unknown, reader: ShardReader | undefined): void {
    if (reader) this.#stopped.push(reader)
    if (!this.#isThrown) this.#failure ??= { error }
  }

  /** The error to throw now, if there is one. */
  takeError(): { readonly error: unknown } | undefined {
    if (this.#gap) return { error: this.#gap }
    const failure = this.#failure
    this.#failure = undefined
    this.#isThrown = failure !== undefined
    return failure
  }

  /** The readers that an error stopped, to be read again now that the caller has seen it and has come back. */
  takeStopped(): readonly ShardReader[] {
    return this.#stopped.length === 0 ? none : this.#stopped.splice(0)
  }

  throwIfStreamGone(): void {
    if (this.#streamGone) throw streamNotFound(this.#streamArn, this.#streamGone.cause)
  }
}
