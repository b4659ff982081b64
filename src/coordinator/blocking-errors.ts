import { type GapReason, StreamError } from '../core/errors.ts'
import type { ShardReader } from '../reader/shard-reader.ts'

/** An error that is older than this (ms) is not thrown any more: what it stopped is tried again first. */
const STALE_AFTER_MS = 5_000

/** An error that the caller has to see, and what waits for that. */
interface Failure {
  readonly error: unknown
  /** Monotonic ms. */
  readonly at: number
}

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
  #failure: Failure | undefined
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
  fail(error: unknown, reader: ShardReader | undefined, now: number): void {
    if (reader) this.#stopped.push(reader)
    if (!this.#isThrown) this.#failure ??= { error, at: now }
  }

  /** The error to throw now, if there is one. */
  takeError(now: number): { readonly error: unknown } | undefined {
    if (this.#gap) return { error: this.#gap }
    const failure = this.#failure
    this.#failure = undefined
    this.#isThrown = failure !== undefined && now - failure.at <= STALE_AFTER_MS
    return this.#isThrown ? failure : undefined
  }

  /** The readers that an error stopped, when they may proceed: the caller has seen it, or it is out of date. */
  takeStopped(): ShardReader[] {
    return this.#stopped.splice(0)
  }

  throwIfStreamGone(): void {
    if (this.#streamGone) throw streamNotFound(this.#streamArn, this.#streamGone.cause)
  }
}

export function streamNotFound(streamArn: string, cause: unknown): StreamError<'stream.notFound'> {
  return new StreamError(
    'stream.notFound',
    `Stream ${streamArn} does not exist (any more). Its table may have been deleted, or the stream was disabled more ` +
      'than 24 hours ago; or the client is configured for another region or account.',
    { streamArn },
    cause,
  )
}
