import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { CallQueue } from '../core/call-queue.ts'
import { systemClock } from '../core/clock.ts'
import { Emitter, type Unsubscribe } from '../core/emitter.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames } from '../core/options.ts'
import { ServiceClock } from '../core/service-clock.ts'
import { checkStreamArn } from '../core/stream-arn.ts'
import { RecordBuffer } from '../merge/record-buffer.ts'
import { type Position, parsePosition } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import type { Shard } from '../shards/shard.ts'
import type { Delivery } from '../shards/shard-ledger.ts'
import { DESCRIBE_CALLS_PER_SECOND } from '../streams-api/list-all-shards.ts'
import { checkStreamsClient, createClientFor, isStreamsApi } from '../streams-api/make-client.ts'
import { rateLimit } from '../streams-api/rate-limit.ts'
import { sdkStreamsApi } from '../streams-api/sdk-streams-api.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { type CoordinatorEvents, coordinatorEventNames } from './events.ts'
import type { StreamLag } from './lag.ts'
import { type CoordinatorOptions, checkReadingOptions, coordinatorOptionNames } from './options.ts'
import type { ReadSession, SessionContext } from './read-session.ts'
import { startSession } from './start-session.ts'

/**
 * Reads a DynamoDB stream, one explicit step at a time: `moveTo` a position, then call `next` again and again. It merges all
 * shards by time, moves from finished shards to their children, and has its position as a {@link token}.
 *
 * A record that was returned counts as processed at once. For a loop that saves its progress once a record was
 * processed, see `openStream`.
 *
 * @typeParam Image - the type of the table's items; it is not checked.
 */
export class Coordinator<Image = PlainItem> {
  readonly streamArn: string
  readonly #context: SessionContext
  readonly #events = new Emitter<CoordinatorEvents>(coordinatorEventNames)
  readonly #signal: AbortSignal | undefined
  /** The client that was created here, and is closed here. */
  #ownClient: DynamoDBStreamsClient | undefined
  readonly #closing = new AbortController()
  readonly #calls = new CallQueue()
  readonly #onAbort = (): void => void this.close()
  #session: ReadSession | undefined
  /** Moves that were started, and the one whose position is in effect, by number. */
  #moves = 0
  #currentMove = 0

  /** @throws StreamError `options.invalid` for the first option that is missing or out of its range. */
  constructor(options: CoordinatorOptions) {
    checkNames('', options, coordinatorOptionNames)
    this.streamArn = checkStreamArn(options.streamArn)
    const readingOptions = checkReadingOptions(options)
    const clock = options.clock ?? systemClock
    this.#context = {
      api: this.#apiOf(options.client),
      streamArn: this.streamArn,
      options: readingOptions,
      clock,
      serviceClock: new ServiceClock(clock),
      random: options.random ?? Math.random,
      events: this.#events,
      describeLimit: rateLimit(clock, DESCRIBE_CALLS_PER_SECOND),
    }
    this.#signal = options.signal
    if (this.#signal?.aborted) this.#onAbort()
    else this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * Moves to a position, all or nothing: if it fails, the previous position remains in effect. Resolves when the shards were
   * listed and, for `latest`, everything that is written from then on will be delivered. If several moves are in flight,
   * the one that was called last and succeeds is in effect in the end.
   *
   * @throws StreamError `position.invalid` or `token.invalid` before any call is made, `token.streamMismatch` for a token of
   * another stream, `stream.notFound`, `closed`. Errors of credentials and permissions as the SDK throws them.
   */
  async moveTo(position: Position): Promise<void> {
    await this.moveAndThen(position, () => {})
  }

  /** Calls `onMoved` when the position is in effect. @internal */
  async moveAndThen(position: Position, onMoved: () => void): Promise<void> {
    this.#throwIfClosed()
    const parsed = parsePosition(position)
    if (parsed.kind === 'token' && parsed.token.streamArn !== this.streamArn) {
      throw streamMismatch(this.streamArn, parsed.token.streamArn)
    }
    const move = ++this.#moves
    const session = await startSession(parsed, this.#context, this.#closing.signal)
    if (this.isClosed || move < this.#currentMove) {
      session.stop(closed())
      this.#throwIfClosed()
      return
    }
    this.#currentMove = move
    this.#session?.stop(closed())
    this.#session = session
    onMoved()
  }

  /**
   * The oldest record that can be delivered now; `undefined` once every shard that is being read was polled and has nothing
   * new. Then each shard is polled again after `idlePollMs.min` at the earliest, so a loop over `next` needs no pause of
   * its own. Concurrent calls are queued.
   *
   * @throws StreamError `records.trimmed` (see `onGap`), `stream.notFound` when the table is deleted (after all buffered
   * records), `position.invalid` before the first `moveTo`, `closed`. Errors of credentials and permissions as the SDK
   * throws them; the call may be repeated.
   */
  next(): Promise<StreamRecord<Image> | undefined> {
    if (this.#calls.isIdle) {
      try {
        const record = this.#takeSettled()
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
    return this.#current().token
  }

  /**
   * Renews the shard iterators that would expire within 5 minutes. Call it every few minutes while `next` is not
   * called; reading never depends on it, as an expired iterator is replaced.
   */
  async heartbeat(): Promise<void> {
    this.#throwIfClosed()
    await this.#session?.renewIterators()
  }

  /** The oldest shards that are not finished. */
  get roots(): readonly Shard[] {
    const forest = this.#session?.forest
    if (!forest) return []
    return [...forest.nodes()].filter((node) => {
      const parent = forest.parentOf(node)
      return node.state !== 'finished' && (parent === undefined || parent.state === 'finished')
    })
  }

  /** The shards that are being read. */
  get active(): readonly Shard[] {
    return [...(this.#session?.readers() ?? [])].filter(({ isHeld }) => !isHeld).map(({ node }) => node)
  }

  /** The records that were fetched and not delivered yet. `moveTo` starts with a new, empty one. */
  get buffer(): RecordBuffer {
    return this.#session?.buffer ?? new RecordBuffer()
  }

  /** Whether the stream is disabled, and all of it was delivered. */
  get ended(): boolean {
    return this.#session?.hasEnded ?? false
  }

  /** How far reading is behind the stream. Makes no call. */
  lag(): StreamLag {
    return this.#session?.lag() ?? { millisBehindLatest: 0, retentionHeadroomMs: RETENTION_MS, shards: [] }
  }

  /**
   * Calls `listener` at each event of that name, after the change that it reports. Nothing waits for the listener, and
   * reading does not depend on it.
   *
   * A listener that throws ends the process, as any uncaught exception does (`process.on('uncaughtException')`): no call of
   * this object rejects with the error. The same holds for an async listener that rejects (`'unhandledRejection'`).
   *
   * @returns a function that removes the listener. There is no `off` or `once`: call it instead.
   * @throws StreamError `options.invalid` for an event that does not exist.
   */
  on<Name extends keyof CoordinatorEvents>(
    name: Name,
    listener: (event: CoordinatorEvents[Name]) => void,
  ): Unsubscribe {
    return this.#events.on(name, listener)
  }

  /** Aborts the calls in flight and stops reading; calls that wait reject with `closed`. Idempotent. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.#closing.abort(closed())
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#session?.stop(closed())
    this.#ownClient?.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ---- For DynamoDBStream, which knows when a record is acknowledged -----------------------------------------------

  /** @internal */
  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Whether the service has answered a call. @internal */
  get hasResponse(): boolean {
    return this.#context.serviceClock.hasResponse
  }

  /** @internal */
  takeAvailable(): Delivery | undefined {
    this.#throwIfClosed()
    return this.#current().nextDelivery()
  }

  /** @internal */
  async progress(signal: AbortSignal): Promise<void> {
    this.#throwIfClosed()
    await this.#current().progress(signal)
  }

  /** How much is remembered of the stream, for tests. @internal */
  get memory(): ReadSession['memory'] {
    return this.#current().memory
  }

  // ------------------------------------------------------------------------------------------------------------------

  #takeSettled(): StreamRecord<Image> | undefined {
    const delivery = this.takeAvailable()
    delivery?.ledger.settle(delivery)
    return delivery?.record as StreamRecord<Image> | undefined
  }

  async #nextOrNothing(): Promise<StreamRecord<Image> | undefined> {
    for (;;) {
      const record = this.#takeSettled()
      if (record !== undefined) return record
      const session = this.#current()
      const round = session.startRound()
      try {
        while (session === this.#session) {
          await (round.remaining.length > 0 ? session.progress() : session.pause())
          const late = this.#takeSettled()
          if (late !== undefined) return late
          if (session.hasEnded || (session === this.#session && session.isOver(round))) return undefined
        }
      } finally {
        session.endRound()
      }
    }
  }

  #current(): ReadSession {
    if (this.#session) return this.#session
    throw new StreamError('position.invalid', 'No position yet: call moveTo first.', { position: undefined })
  }

  #apiOf(client: CoordinatorOptions['client']): StreamsApi {
    if (isStreamsApi(client)) return client
    if (client === undefined) this.#ownClient = createClientFor(this.streamArn)
    else checkStreamsClient(client)
    return sdkStreamsApi(this.#ownClient ?? (client as DynamoDBStreamsClient), (reason) => {
      // It may be known at once: listeners that are added right after the constructor receive it too.
      queueMicrotask(() => this.#events.emit('sdkFallback', { reason }))
    })
  }

  #throwIfClosed(): void {
    if (this.isClosed) throw closed()
  }
}

function closed(): StreamError<'closed'> {
  return new StreamError('closed', 'The stream reader was closed.', {})
}

function streamMismatch(expected: string, actual: string): StreamError<'token.streamMismatch'> {
  return new StreamError(
    'token.streamMismatch',
    `The token belongs to the stream ${actual}, but this is ${expected}. Start at another position, or open the stream of the token.`,
    { expected, actual },
  )
}
