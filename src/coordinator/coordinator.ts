import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { RecordBuffer } from '../buffer/record-buffer.ts'
import { CallQueue } from '../core/call-queue.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { Emitter, type Unsubscribe } from '../core/emitter.ts'
import { StreamError } from '../core/errors.ts'
import { checkStreamArn } from '../core/options.ts'
import { type Position, parsePosition } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { Shard } from '../shards/shard.ts'
import { createStreamsClient, isStreamsApi } from '../streams-api/make-client.ts'
import { rateLimit } from '../streams-api/rate-limit.ts'
import { sdkStreamsApi } from '../streams-api/sdk-streams-api.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { beginReading } from './begin-reading.ts'
import type { CoordinatorEvents } from './events.ts'
import type { ForestReader, Surroundings } from './forest-reader.ts'
import { lagOf, type StreamLag } from './lag.ts'
import { type CoordinatorOptions, checkReadingOptions } from './options.ts'

/** Half of the ten calls a second that DescribeStream allows an account (API reference), for there may be others. */
const DESCRIBE_CALLS_PER_SECOND = 5

/**
 * Reads a DynamoDB stream, one explicit step at a time: `moveTo` a position, then `next` again and again. It merges
 * all shards by time, goes on from finished shards to their children, and has its position as a {@link token}.
 *
 * Records that were handed out count as done at once. For a loop that saves its progress when a record was worked
 * through, see `openStream`.
 */
export class Coordinator {
  readonly streamArn: string
  readonly #around: Surroundings
  readonly #events = new Emitter<CoordinatorEvents>()
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  /** The client that was made here, and is closed here. */
  readonly #ownClient: DynamoDBStreamsClient | undefined
  readonly #beginning = new Set<ForestReader>()
  readonly #calls = new CallQueue()
  readonly #onAbort = (): void => void this.close()
  #reading: ForestReader | undefined
  #moves = 0
  #isClosed = false

  /** @throws StreamError `options.invalid` for the first option that is missing or out of its range. */
  constructor(options: CoordinatorOptions) {
    this.streamArn = checkStreamArn(options.streamArn)
    const reading = checkReadingOptions(options)
    this.#clock = options.clock ?? systemClock
    this.#ownClient = options.client === undefined ? createStreamsClient() : undefined
    this.#around = {
      api: this.#apiOf(options.client ?? (this.#ownClient as DynamoDBStreamsClient)),
      streamArn: this.streamArn,
      options: reading,
      clock: this.#clock,
      random: options.random ?? Math.random,
      events: this.#events,
      describeLimit: rateLimit(this.#clock, DESCRIBE_CALLS_PER_SECOND),
    }
    this.#signal = options.signal
    if (this.#signal?.aborted) this.#onAbort()
    else this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * Goes to a position, all or nothing: when it fails, the old position stands. Resolves when the shards were listed
   * and, for `latest`, everything that is written from then on will be seen.
   *
   * @throws StreamError `position.invalid` or `token.invalid` before any call is made, `token.foreign` for a token of
   * another stream, `stream.notFound`, `closed`. Errors of credentials and permissions as the SDK gives them.
   */
  async moveTo(position: Position): Promise<void> {
    this.#throwIfClosed()
    const parsed = parsePosition(position)
    if (parsed.kind === 'token' && parsed.token.streamArn !== this.streamArn) {
      throw foreignToken(this.streamArn, parsed.token.streamArn)
    }
    const move = ++this.#moves
    const reading = await this.#begin(parsed)
    // Of several moves under way the one that was asked for last stands.
    if (move !== this.#moves && this.#reading !== undefined) return reading.stop(closed())
    const former = this.#reading
    this.#reading = reading
    former?.stop(closed())
  }

  /**
   * The oldest record that may be given out now; `undefined` when every shard that is being read was asked and has
   * nothing new. Then each shard is asked again after `idlePollMs.min` at the earliest, so a loop over `next` needs no
   * pause of its own. Concurrent calls are queued.
   *
   * @throws StreamError `records.trimmed` (see `onGap`), `stream.notFound` when the table is deleted (after all that was
   * fetched), `position.invalid` before the first `moveTo`, `closed`. Errors of credentials and permissions as the SDK
   * gives them; the call may be made again.
   */
  next(): Promise<StreamRecord | undefined> {
    if (this.#calls.isIdle) {
      try {
        const record = this.#takeDone()
        if (record !== undefined) return Promise.resolve(record)
      } catch (error) {
        return Promise.reject(error)
      }
    }
    return this.#calls.run(() => this.#nextOrNothing())
  }

  /**
   * The position: covers every record that `next` has returned, and no other. A fresh object at each read, safe for
   * `JSON.stringify`.
   * @throws StreamError `position.invalid` before the first `moveTo`.
   */
  get token(): StreamToken {
    return this.#current().token('delivered')
  }

  /**
   * Renews the shard iterators that would expire within 5 minutes. Call it every few minutes while `next` is not
   * called; reading never depends on it, as an expired iterator is made anew.
   */
  async heartbeat(): Promise<void> {
    this.#throwIfClosed()
    await this.#reading?.renewIterators()
  }

  /** The oldest shards that are still being read or waited for. */
  get roots(): readonly Shard[] {
    const reading = this.#reading
    if (!reading) return []
    const unfinished = [...reading.lineage.nodes()].filter((node) => node.state !== 'finished')
    return unfinished.filter((node) => {
      const parent = reading.lineage.parentOf(node)
      return parent === undefined || parent.state === 'finished'
    })
  }

  /** The shards that are being read now. */
  get active(): readonly Shard[] {
    return [...(this.#reading?.readers() ?? [])].filter(({ held }) => !held).map(({ node }) => node)
  }

  /** What was fetched and not yet given out. `moveTo` begins with a new, empty one. */
  get buffer(): RecordBuffer {
    return this.#reading?.buffer ?? new RecordBuffer()
  }

  /** Whether the stream is disabled, and all of it was given out. */
  get ended(): boolean {
    return this.#reading?.ended ?? false
  }

  /** How far reading is behind. Costs no call. */
  lag(): StreamLag {
    return lagOf(this.#reading?.readers() ?? [], this.#clock.now())
  }

  /** Has `listener` called at each event of that name, after the change it tells of. Returns what takes it away. */
  on<Name extends keyof CoordinatorEvents>(
    name: Name,
    listener: (event: CoordinatorEvents[Name]) => void,
  ): Unsubscribe {
    return this.#events.on(name, listener)
  }

  /** Gives up the calls under way and reads no more; calls that wait reject with `closed`. May be called again. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    for (const reading of this.#beginning) reading.stop(closed())
    this.#reading?.stop(closed())
    this.#ownClient?.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ---- For the stream on top, which knows by itself when a record is done ------------------------------------------

  /** @internal */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** @internal */
  take(): StreamRecord | undefined {
    this.#throwIfClosed()
    return this.#current().take()
  }

  /** @internal */
  commit(): void {
    this.#reading?.commit()
  }

  /** @internal */
  get committedToken(): StreamToken {
    return this.#current().token('committed')
  }

  /** @internal */
  async progress(): Promise<void> {
    this.#throwIfClosed()
    await this.#current().progress()
  }

  // ------------------------------------------------------------------------------------------------------------------

  async #begin(position: Parameters<typeof beginReading>[0]): Promise<ForestReader> {
    let made: ForestReader | undefined
    try {
      const reading = await beginReading(position, this.#around, (begun) => {
        made = begun
        this.#beginning.add(begun)
      })
      this.#throwIfClosed()
      return reading
    } catch (error) {
      this.#throwIfClosed()
      throw error
    } finally {
      if (made) this.#beginning.delete(made)
    }
  }

  #takeDone(): StreamRecord | undefined {
    const record = this.take()
    if (record !== undefined) this.commit()
    return record
  }

  async #nextOrNothing(): Promise<StreamRecord | undefined> {
    for (;;) {
      const record = this.#takeDone()
      if (record !== undefined) return record
      const reading = this.#current()
      const round = reading.beginRound()
      try {
        while (reading === this.#reading) {
          await (round.waitsFor.size > 0 ? reading.progress() : reading.pause())
          const late = this.#takeDone()
          if (late !== undefined) return late
          if (reading.ended || (reading === this.#reading && reading.isOver(round))) return undefined
        }
      } finally {
        reading.endRound(round)
      }
    }
  }

  #current(): ForestReader {
    if (this.#reading) return this.#reading
    throw new StreamError('position.invalid', 'No position yet: call moveTo first.', { position: undefined })
  }

  #apiOf(client: DynamoDBStreamsClient | StreamsApi): StreamsApi {
    if (isStreamsApi(client)) return client
    return sdkStreamsApi(client, (reason) => {
      // It may be known at once: those who listen right after the constructor are to hear it.
      queueMicrotask(() => this.#events.emit('fallback', { reason }))
    })
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw closed()
  }
}

function closed(): StreamError<'closed'> {
  return new StreamError('closed', 'The stream reader was closed.', {})
}

function foreignToken(expected: string, actual: string): StreamError<'token.foreign'> {
  return new StreamError(
    'token.foreign',
    `The token is of the stream ${actual}, but this is ${expected}. Start at another position, or open the stream that the token is of.`,
    { expected, actual },
  )
}
