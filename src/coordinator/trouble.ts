import { type GapReason, StreamError } from '../core/errors.ts'
import type { ShardReader } from '../reader/shard-reader.ts'

/**
 * What stands in the way of reading, to be thrown when the consumer comes for the next record: at once, or once what
 * was fetched is given out.
 *
 * @internal
 */
export class Trouble {
  readonly #streamArn: string
  /** Thrown again and again, until the position is changed. */
  #gap: StreamError<'records.trimmed'> | undefined
  /** Thrown once nothing is left in the buffer. */
  #streamGone: { readonly cause: unknown } | undefined
  /** Thrown once; then the readers that it stopped go on. */
  #failure: { readonly error: unknown; readonly readers: ShardReader[] } | undefined

  constructor(streamArn: string) {
    this.#streamArn = streamArn
  }

  get isStreamGone(): boolean {
    return this.#streamGone !== undefined
  }

  /** Whether there is nothing more to be read at this position. */
  get isLasting(): boolean {
    return this.#gap !== undefined || this.#streamGone !== undefined
  }

  gap(gap: { shardId: string; after: string | undefined; reason: GapReason }, cause: unknown): void {
    const where = gap.after === undefined ? 'its start' : `after ${gap.after}`
    const what =
      gap.reason === 'shard-vanished'
        ? `Shard ${gap.shardId} is gone`
        : `The position in shard ${gap.shardId} (${where}) is older than the oldest record that is left`
    const help =
      "Move to another position, or set onGap to 'continue' to go on at the oldest record that is left."
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

  fail(error: unknown, reader: ShardReader | undefined): void {
    this.#failure ??= { error, readers: [] }
    if (reader) this.#failure.readers.push(reader)
  }

  /** What to throw now, and the readers that may go on after it. */
  takeFailure(): { readonly error: unknown; readonly readers: readonly ShardReader[] } | undefined {
    if (this.#gap) return { error: this.#gap, readers: [] }
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  throwIfStreamGone(): void {
    if (this.#streamGone) throw streamNotFound(this.#streamArn, this.#streamGone.cause)
  }
}

export function streamNotFound(streamArn: string, cause: unknown): StreamError<'stream.notFound'> {
  return new StreamError(
    'stream.notFound',
    `Stream ${streamArn} does not exist (any more). Its table may have been deleted, or the stream was disabled more ` +
      'than 24 hours ago; or the client asks another region or account.',
    { streamArn },
    cause,
  )
}
