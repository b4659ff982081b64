import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { CallQueue } from '../core/call-queue.ts'
import { clientHint } from '../core/client-hint.ts'
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
 * Reads a DynamoDB stream one explicit step at a time: call {@link moveTo} with a position, then {@link next}
 * repeatedly. It merges the records of all shards by time, reads the children of a shard after the shard
 * itself, and provides its position as a {@link token}.
 *
 * The token covers a record as soon as `next` has returned it. For a loop that saves its position only after
 * a record was processed, use `openStream`.
 *
 * @example
 * ```ts
 * const coordinator = new Coordinator({ streamArn })
 * await coordinator.moveTo('trim_horizon')
 * const record = await coordinator.next() // undefined: nothing new right now
 * const saved = JSON.stringify(coordinator.token)
 * ```
 *
 * @typeParam Image - the type of the table's items; it is not checked at run time.
 */
export class Coordinator<Image = PlainItem> {
  /** The ARN of the stream, as passed to the constructor. */
  readonly streamArn: string
  readonly #context: SessionContext
  readonly #events = new Emitter<CoordinatorEvents>(coordinatorEventNames)
  readonly #signal: AbortSignal | undefined
  /**
   * The client that the constructor created, to be destroyed by `close`; undefined if the caller passed one.
   */
  #ownClient: DynamoDBStreamsClient | undefined
  readonly #closing = new AbortController()
  readonly #calls = new CallQueue()
  readonly #onAbort = (): void => void this.close()
  #session: ReadSession | undefined
  /** How many moves were started; this is the number of the last one. */
  #moves = 0
  /** The number of the move whose position is in effect. */
  #currentMove = 0

  /**
   * Creates a coordinator without a position. No call is made before {@link moveTo}.
   *
   * @throws StreamError `options.invalid` for the first option that is missing, out of range, or unknown.
   */
  constructor(options: CoordinatorOptions) {
    checkNames('', options, coordinatorOptionNames, {
      call: 'new Coordinator',
      options: "{ streamArn: 'arn:…' }",
      hint: hintFor,
    })
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
   * Moves to a position, all or nothing: if it fails, the previous position remains in effect. It resolves
   * once the shards are listed. For `latest`, every record written after that will be delivered. If several
   * moves are in flight, the one that was started last takes effect, unless it fails.
   *
   * @param position - `'trim_horizon'`, `'latest'`, a `Date`, or a token as an object or JSON string. See
   * `Position`.
   * @throws StreamError `position.invalid`, `token.invalid` or `token.streamMismatch` (the token belongs to
   * another stream), before any call is made; `stream.notFound`; `closed`. Credential and permission errors
   * are rethrown unchanged.
   */
  async moveTo(position: Position): Promise<void> {
    await this.moveAndThen(position, () => {})
  }

  /** Calls `onMoved` synchronously when the position takes effect. @internal */
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
   * Returns the oldest record that can be delivered now, or `undefined` once every active shard has been
   * polled and has nothing new. A shard with nothing new is polled again after `idlePollMs.min` at the
   * earliest, so a loop over `next` needs no pause of its own. Concurrent calls are queued.
   *
   * Throttling, network errors and server errors are retried, with a `retry` event each time.
   *
   * @throws StreamError `records.trimmed` (see `onGap`); `stream.notFound` when the stream no longer exists,
   * after all buffered records have been returned; `position.invalid` before the first `moveTo`; `closed`.
   * Credential and permission errors are rethrown unchanged, and the call can be repeated.
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
   * The current position, which covers every record that `next` has returned, and no other. Each access
   * returns a new object that can be passed to `JSON.stringify`.
   *
   * @throws StreamError `position.invalid` before the first `moveTo`.
   */
  get token(): StreamToken {
    return this.#current().token
  }

  /**
   * Renews the shard iterators that would expire within 5 minutes (a shard iterator lives for 15). Call it
   * every few minutes while `next` is not called. Reading never depends on it: expired iterators are
   * replaced.
   *
   * @throws StreamError `closed`.
   */
  async heartbeat(): Promise<void> {
    this.#throwIfClosed()
    await this.#session?.renewIterators()
  }

  /** The oldest shards that are not finished: their parent is finished or not known, or they have none. */
  get roots(): readonly Shard[] {
    const forest = this.#session?.forest
    if (!forest) return []
    return [...forest.nodes()].filter((node) => {
      const parent = forest.parentOf(node)
      return node.state !== 'finished' && (parent === undefined || parent.state === 'finished')
    })
  }

  /** The shards that are being read and whose records can be delivered now. */
  get active(): readonly Shard[] {
    return [...(this.#session?.readers() ?? [])].filter(({ isHeld }) => !isHeld).map(({ node }) => node)
  }

  /** The records that were fetched but not yet returned by `next`. `moveTo` replaces it with an empty one. */
  get buffer(): RecordBuffer {
    return this.#session?.buffer ?? new RecordBuffer()
  }

  /** Whether the stream is disabled and all of its records have been returned. */
  get ended(): boolean {
    return this.#session?.hasEnded ?? false
  }

  /** Returns how far reading is behind the stream, without calling the service. */
  lag(): StreamLag {
    return this.#session?.lag() ?? { millisBehindLatest: 0, retentionHeadroomMs: RETENTION_MS, shards: [] }
  }

  /**
   * Adds a listener for an event. The listener is called after the change that the event reports. Reading
   * neither waits for the listener nor depends on it.
   *
   * An error thrown by a listener is an uncaught exception, which ends the process unless there is a handler
   * (`process.on('uncaughtException')`); no method of this object rejects with it. The same applies to the
   * rejection of an async listener (`'unhandledRejection'`).
   *
   * @returns a function that removes the listener. There is no `off` or `once`: call this function instead.
   * @throws StreamError `options.invalid` if there is no event with that name.
   */
  on<Name extends keyof CoordinatorEvents>(
    name: Name,
    listener: (event: CoordinatorEvents[Name]) => void,
  ): Unsubscribe {
    return this.#events.on(name, listener)
  }

  /**
   * Aborts the calls in flight and stops reading. Pending calls of this object reject with `closed`, and so
   * do later ones; {@link token} remains available. Idempotent. A client passed as an option is not
   * destroyed.
   */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.#closing.abort(closed())
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#session?.stop(closed())
    this.#ownClient?.destroy()
  }

  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ---- For DynamoDBStream, which acknowledges records later -----------------------------------------------

  /** @internal */
  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Whether a response of the service has been received. @internal */
  get hasResponse(): boolean {
    return this.#context.serviceClock.hasResponse
  }

  /**
   * Delivers the next record; undefined if none can be delivered now. The caller must settle it. @internal
   */
  takeAvailable(): Delivery | undefined {
    this.#throwIfClosed()
    return this.#current().nextDelivery()
  }

  /** Waits until {@link takeAvailable} may return a record, or `signal` aborts. @internal */
  async progress(signal: AbortSignal): Promise<void> {
    this.#throwIfClosed()
    await this.#current().progress(signal)
  }

  /** The ids of the ancestors of a shard, as far as they are known. @internal */
  ancestorsOf(shardId: string): Iterable<string> {
    return this.#current().forest.ancestorIds(shardId)
  }

  /**
   * The number of unsettled records, or keys of them, in the loaded token that were trimmed.
   * @internal
   */
  get lostUnsettled(): number {
    return this.#session?.lostUnsettled ?? 0
  }

  /** How many shards are remembered, for tests. @internal */
  get memory(): ReadSession['memory'] {
    return this.#current().memory
  }

  // ---------------------------------------------------------------------------------------------------------

  #takeSettled(): StreamRecord<Image> | undefined {
    const delivery = this.takeAvailable()
    delivery?.settle()
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
    throw new StreamError('position.invalid', 'The coordinator has no position yet: call moveTo first.', {
      position: undefined,
    })
  }

  #apiOf(client: CoordinatorOptions['client']): StreamsApi {
    if (isStreamsApi(client)) return client
    if (client === undefined) this.#ownClient = createClientFor(this.streamArn)
    else checkStreamsClient(client)
    return sdkStreamsApi(this.#ownClient ?? (client as DynamoDBStreamsClient), (reason) => {
      // Emitted later, so that listeners that are added right after the constructor receive it too.
      queueMicrotask(() => this.#events.emit('sdkFallback', { reason }))
    })
  }

  #throwIfClosed(): void {
    if (this.isClosed) throw closed()
  }
}

function closed(): StreamError<'closed'> {
  return new StreamError('closed', 'The Coordinator was closed.', {})
}

function streamMismatch(expected: string, actual: string): StreamError<'token.streamMismatch'> {
  return new StreamError(
    'token.streamMismatch',
    `The token belongs to stream ${actual}, but this is stream ${expected}. ` +
      'Use another position, or read the stream of the token.',
    { expected, actual },
  )
}

function hintFor(name: string): string | undefined {
  return name === 'tableName'
    ? 'pass streamArn, or use openStream, which looks up the stream of a table.'
    : clientHint('DynamoDBStreamsClient')(name)
}
