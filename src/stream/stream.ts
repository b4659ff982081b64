import type { Checkpointer } from '../checkpoints/checkpointer.ts'
import type { StreamLag } from '../coordinator/lag.ts'
import type { Emitter, Unsubscribe } from '../core/emitter.ts'
import { checkNames, integer } from '../core/options.ts'
import type { Position } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { type BatchOptions, batchDefaults } from './batch-options.ts'
import { CurrentStream, type CurrentStreamParts } from './current-stream.ts'
import { DeliveryQueue } from './delivery-queue.ts'
import type { StreamEvents } from './events.ts'
import { IteratorLock, type IteratorSource, iterate } from './record-iterator.ts'
import { type AttachedRun, createRecordSource, type RecordSource } from './record-source.ts'

/**
 * The interval at which shard iterators about to expire are renewed, in ms. They are valid for 15 minutes.
 */
const HEARTBEAT_MS = 60_000

/**
 * The dependencies of a stream.
 *
 * @internal
 */
export interface StreamParts extends Omit<CurrentStreamParts, 'onPositionChanged'> {
  readonly random: () => number
  readonly events: Emitter<StreamEvents>
  readonly signal: AbortSignal | undefined
  /** Creates the checkpointer; undefined if the position is not saved. */
  readonly createCheckpointer: ((tokenOf: () => StreamToken) => Checkpointer) | undefined
  /** Destroys the clients that were created for this stream. */
  dispose(): void
}

/**
 * A DynamoDB stream as an async iterable of records. Created by `openStream`.
 *
 * A record is acknowledged when the loop requests the next one. The checkpoint and {@link token} cover
 * exactly the acknowledged records. If a loop is left (`break`, `return`, `throw`), its current record is
 * redelivered: to the next loop over this stream, or after a restart.
 *
 * A stream is read by one loop at a time, over its records or over {@link batches}. A second loop, a pool of
 * workers that share an iterator, or a call of `next()` while another one is pending rejects with
 * `stream.busy`, because each request for a record acknowledges the previous one, whichever worker is
 * processing it. Another loop can start after the first one was left or has ended. To process records
 * concurrently, read them with `batches` and wait until all records of a batch are processed.
 *
 * While a run of `processStream` reads a stream, loops, {@link moveTo} and other runs reject with
 * `stream.busy`. Afterwards the stream is open and can be read again.
 *
 * Call {@link close} when the stream is no longer needed, unless a loop has run to its end.
 */
export class DynamoDBStream<Image = PlainItem>
  implements AsyncIterable<StreamRecord<Image>>, AsyncDisposable
{
  readonly #parts: StreamParts
  readonly #checkpointer: Checkpointer | undefined
  readonly #stopHeartbeats: () => void
  readonly #onAbort = (): void => this.#abort()
  readonly #current: CurrentStream
  readonly #deliveries = new DeliveryQueue()
  /** An error that will be thrown after the batch before it has been delivered. */
  #pendingError: { readonly error: unknown } | undefined
  readonly #lock = new IteratorLock()
  /** The run that reads the stream. Its `finished` resolves once the run has detached or ended. */
  #run: AttachedRun | undefined
  #closing: Promise<void> | undefined
  /** The checkpoint error that a loop or run has thrown already. */
  #thrown: unknown

  /** @internal */
  constructor(parts: StreamParts) {
    this.#parts = parts
    this.#current = new CurrentStream({
      ...parts,
      onPositionChanged: () => this.#checkpointer?.positionChanged(),
    })
    this.#checkpointer = parts.createCheckpointer?.(() => this.token)
    // Shards close and open without traffic too. A checkpoint that is not updated would refer to shards that
    // expire.
    for (const moved of ['shardOpened', 'shardFinished'] as const) {
      parts.events.on(moved, () => this.#checkpointer?.positionChanged())
    }
    this.#stopHeartbeats = this.#startHeartbeats()
    if (parts.signal?.aborted) this.#onAbort()
    else parts.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * Saves the start position. Without it, `latest` would start at a later point after a crash.
   *
   * @internal
   */
  async saveStart(): Promise<void> {
    if (this.#checkpointer === undefined) return
    this.#checkpointer.positionChanged()
    try {
      await this.#checkpointer.flush(this.#parts.signal)
    } catch (error) {
      this.#checkpointer.stop()
      await this.close().catch(() => {})
      throw error
    }
  }

  /**
   * The ARN of the stream that is being read. It changes when `followTable` continues with the table's next
   * stream.
   */
  get streamArn(): string {
    return this.#current.streamArn
  }

  /**
   * The fencing number of the checkpoint's lease: greater than that of every earlier worker. Make side
   * effects conditional on it if a worker that was replaced must not overwrite those of its successor.
   * Undefined without a checkpoint, or if its store has no leases.
   */
  get epoch(): number | undefined {
    return this.#checkpointer?.epoch
  }

  /**
   * The current position, which covers exactly the acknowledged records. Each access returns a new, JSON-safe
   * object.
   */
  get token(): StreamToken {
    return this.#current.token
  }

  /**
   * Returns how far processing lags behind the stream. Records that are not acknowledged count as
   * unprocessed. Makes no call.
   */
  lag(): StreamLag {
    return this.#current.lag()
  }

  /**
   * Moves to another position; a running loop continues there. If the move fails, the previous position
   * remains in effect. Rejects with the errors of `Coordinator.moveTo`, and with `stream.busy` during a
   * run of `processStream`.
   */
  async moveTo(position: Position): Promise<void> {
    this.#lock.throwIfRunIsReading('call moveTo')
    await this.#current.moveTo(position, () => {
      this.#deliveries.clear()
      this.#pendingError = undefined
    })
  }

  /** Renews the shard iterators that are about to expire. Called automatically every minute. */
  heartbeat(): Promise<void> {
    return this.#current.heartbeat()
  }

  /**
   * Adds a listener for an event. It is called after the change that the event reports, and nothing waits for
   * it. To receive events that are emitted before `openStream` resolves, use the option `listeners`.
   *
   * A listener that throws causes an uncaught exception, which ends the process unless there is a handler for
   * `'uncaughtException'`. Neither a loop nor `close()` rejects with the error. Likewise, an async listener
   * that rejects causes an unhandled rejection.
   *
   * @returns a function that removes the listener; there is no `off` or `once`.
   * @throws StreamError `options.invalid` if there is no event of that name.
   */
  on<Name extends keyof StreamEvents>(
    name: Name,
    listener: (event: StreamEvents[Name]) => void,
  ): Unsubscribe {
    return this.#parts.events.on(name, listener)
  }

  /**
   * Iterates over the records. One loop at a time can read a stream: a second loop, or a call of `next()`
   * while another one is pending, rejects with `stream.busy`.
   *
   * The loop ends when the stream has ended, when `signal` aborts, or after `close()`. The last checkpoint is
   * then saved and the stream is closed. The loop rejects with the errors of `Coordinator.next`, with
   * `checkpoint.conflict` if another worker has acquired the checkpoint, and with `checkpoint.failed` if the
   * last checkpoint cannot be saved or, with `standby`, the lease could not be renewed in time.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamRecord<Image>> {
    return this.#iterate(() => this.#nextRecord()) as AsyncIterableIterator<StreamRecord<Image>>
  }

  /**
   * Iterates over arrays of records, in the same order. A batch is acknowledged when the loop requests the
   * next one. If the loop is left, the whole current batch is redelivered. If an error prevents a batch from
   * being completed, the records collected so far are delivered as a batch before the error is thrown.
   *
   * A loop over batches ends and rejects like a loop over the stream itself. Only one of them can run at a
   * time: a second loop rejects with `stream.busy`.
   *
   * @throws StreamError `options.invalid` immediately, if an option is invalid.
   */
  batches(options: BatchOptions = {}): AsyncIterableIterator<readonly StreamRecord<Image>[]> {
    checkNames('', options, ['maxRecords', 'maxWaitMs'], { call: 'batches', options: '{ maxRecords: 100 }' })
    const maxRecords = integer('maxRecords', options.maxRecords ?? batchDefaults.maxRecords, 1, 10_000)
    const maxWaitMs = integer('maxWaitMs', options.maxWaitMs ?? batchDefaults.maxWaitMs, 0, 300_000)
    const batch: Batch = { maxRecords, maxWaitMs, completeAt: undefined }
    return this.#iterate(
      () => this.#nextBatch(batch),
      () => batch.completeAt,
    ) as AsyncIterableIterator<readonly StreamRecord<Image>[]>
  }

  /**
   * Stops reading, saves the last checkpoint, for which it waits up to 10 s, and releases all resources. A
   * running loop ends without an error; its current record is redelivered after a restart. Idempotent.
   *
   * Call `close` after a loop that was left (`break`, `return`, `throw`) or has rejected, and if there was no
   * loop: it aborts calls in flight, stops heartbeats, and destroys the clients that were created for this
   * stream. It is not required after a loop that has run to its end, because the stream has ended or `signal`
   * has aborted: such a loop closes the stream. Leaving a loop saves the checkpoint, so a program that exits
   * immediately afterwards without `close` loses no progress. `await using` and `try { … } finally { await
   * stream.close() }` are correct in every case.
   *
   * While a run of `processStream` reads the stream, `close` stops it as `run.stop()` does, and waits until
   * it has ended. A handler must not await `close`, because the run waits for the handler.
   *
   * Rejects with `checkpoint.failed` or `checkpoint.conflict`, unless a loop or run has already thrown it:
   * then it resolves, and does not try to save again, since `await using` would wrap the error in a
   * `SuppressedError`. Read errors such as `records.trimmed` are thrown only by the loop; `close` still saves
   * the acknowledged position after one.
   */
  async close(): Promise<void> {
    try {
      await this.#closeOnce()
    } catch (error) {
      if (error !== this.#thrown) throw error
    }
  }

  #closeOnce(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#parts.signal?.removeEventListener('abort', this.#onAbort)
    this.#stopHeartbeats()
    this.#run?.stop()
    await this.#current.close()
    await this.#run?.finished
    this.#parts.dispose()
    await this.#checkpointer?.close()
  }

  /**
   * Stops reading when the signal aborts. A running loop closes the stream; without one, this does, after an
   * attached run has saved the checkpoint.
   */
  #abort(): void {
    this.#stopHeartbeats()
    void this.#current.close()
    if (!this.#lock.isPending && this.#deliveries.unacknowledged === 0) this.close().catch(() => {})
  }

  /**
   * Lets a run of `processStream` read the stream instead of a loop, until the run detaches. Until then,
   * loops, `moveTo` and other runs are rejected with `stream.busy`, and `close` and `signal` stop the run
   * first. A run that is attached to a closed stream finds no records, like a loop.
   *
   * @throws StreamError `stream.busy` while a loop or another run is reading, or a move is in flight.
   * @internal
   */
  attach(run: AttachedRun): RecordSource {
    this.#lock.acquireForRun(this.#current.isMoving)
    let detach = () => {}
    const detached = new Promise<void>((resolve) => {
      detach = resolve
    })
    const ended = run.finished.catch(() => {})
    this.#run = { stop: () => run.stop(), finished: Promise.race([ended, detached]) }
    this.#pendingError = undefined
    // Closing stops only a run that was attached before.
    if (this.#isClosed) queueMicrotask(() => run.stop())
    return createRecordSource({
      current: this.#current,
      checkpointer: this.#checkpointer,
      deliveries: this.#deliveries,
      clock: this.#parts.clock,
      random: this.#parts.random,
      onThrown: (error) => {
        this.#thrown = error
      },
      onDetach: () => {
        this.#run = undefined
        this.#lock.releaseRun()
        detach()
      },
    })
  }

  /**
   * Acknowledges the current record or batch before the loop requests the next one.
   *
   * @internal
   */
  acknowledge(): void {
    this.#acknowledge()
  }

  /**
   * @param completeAt - returns when `nextValue` must be called again even without new records, in monotonic
   * ms.
   */
  #iterate<T>(
    nextValue: IteratorSource<T>['nextValue'],
    completeAt: () => number | undefined = () => undefined,
  ): AsyncIterableIterator<T, undefined> {
    return iterate({
      lock: this.#lock,
      nextValue,
      wait: (returned) => this.#waitForMore(returned, completeAt()),
      onEnd: () => this.#noteThrown(this.#closeOnce()),
      onReturn: () => this.#noteThrown(this.#onReturn()),
    })
  }

  /** Records the error that a loop throws, so that `close` does not throw it again. */
  async #noteThrown(step: Promise<void>): Promise<void> {
    try {
      await step
    } catch (error) {
      this.#thrown = error
      throw error
    }
  }

  #nextRecord(): StreamRecord | undefined {
    const mayDeliver = this.#acknowledge()
    if (this.#isClosed || !mayDeliver) return undefined
    if (this.#deliveries.waiting === 0) this.#fetch()
    return this.#deliveries.next()
  }

  /**
   * Collects available records. Returns the batch if it is complete or cannot be completed, otherwise
   * undefined.
   */
  #nextBatch(batch: Batch): StreamRecord[] | undefined {
    const mayDeliver = this.#acknowledge()
    if (this.#isClosed || !mayDeliver) return undefined
    try {
      while (this.#deliveries.waiting < batch.maxRecords) if (!this.#fetch()) break
    } catch (error) {
      if (this.#deliveries.waiting === 0) throw error
      this.#pendingError = { error }
    }
    if (this.#deliveries.waiting === 0) {
      batch.completeAt = undefined
      return undefined
    }
    const now = this.#parts.clock.monotonic()
    batch.completeAt ??= now + batch.maxWaitMs
    const isFull = this.#deliveries.waiting >= batch.maxRecords
    if (!isFull && now < batch.completeAt && !this.#pendingError && !this.#current.hasEnded) return undefined
    batch.completeAt = undefined
    return this.#deliveries.nextBatch(batch.maxRecords)
  }

  /** Moves the next available record into the delivery queue, and returns whether there was one. */
  #fetch(): boolean {
    if (this.#pendingError) {
      const { error } = this.#pendingError
      this.#pendingError = undefined
      throw error
    }
    const delivery = this.#current.takeAvailable()
    if (delivery) this.#deliveries.add(delivery)
    return delivery !== undefined
  }

  /**
   * Acknowledges the current record or batch, because the loop requests the next one. Returns whether it may
   * be delivered: not before a lease was renewed after a suspension.
   */
  #acknowledge(): boolean {
    const checkpointer = this.#checkpointer
    const mayDeliver = checkpointer?.mayDeliver ?? true
    if (checkpointer?.failure !== undefined) {
      this.#thrown = checkpointer.failure
      throw checkpointer.failure
    }
    const count = this.#deliveries.acknowledge()
    if (count > 0) checkpointer?.recordsProcessed(count)
    return mayDeliver
  }

  /**
   * Handles a loop that was left: its current record or batch is redelivered, and the checkpoint is saved.
   */
  async #onReturn(): Promise<void> {
    this.#deliveries.redeliver()
    this.#pendingError = undefined
    if (this.#parts.signal?.aborted) await this.#closeOnce()
    else if (!this.#isClosed) await this.#checkpointer?.flush()
  }

  get #isClosed(): boolean {
    return this.#current.isClosed || this.#closing !== undefined
  }

  /**
   * Waits until there may be new records, `returned` aborts, or the time is `until` (monotonic ms). Resolves
   * to false at the end of the stream.
   */
  async #waitForMore(returned: AbortSignal, until: number | undefined): Promise<boolean> {
    if (this.#isClosed) return false
    const checkpointer = this.#checkpointer
    const lost = checkpointer?.lost
    if (checkpointer && !checkpointer.mayDeliver) {
      await checkpointer.renewed(returned)
      return true
    }
    if (this.#current.hasEnded && this.#deliveries.waiting === 0) return this.#current.advance(returned, lost)
    await this.#current.wait(returned, until, lost)
    return true
  }

  #startHeartbeats(): () => void {
    const { clock } = this.#parts
    let cancel = () => {}
    const beat = () => {
      cancel = clock.setTimer(
        HEARTBEAT_MS,
        () => {
          // A call that fails here fails in the loop too, and the error is thrown there.
          this.heartbeat().catch(() => {})
          beat()
        },
        true,
      )
    }
    beat()
    return () => cancel()
  }
}

/** The batch that `batches` is collecting. Its records are waiting in the delivery queue. */
interface Batch {
  readonly maxRecords: number
  readonly maxWaitMs: number
  /** When the batch is delivered even if it is not full, in monotonic ms; undefined while it is empty. */
  completeAt: number | undefined
}
