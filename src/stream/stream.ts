import type { Checkpointer } from '../checkpoints/checkpointer.ts'
import type { Coordinator } from '../coordinator/coordinator.ts'
import type { StreamLag } from '../coordinator/lag.ts'
import { abortable } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import type { Emitter, Unsubscribe } from '../core/emitter.ts'
import { checkNames, integer } from '../core/options.ts'
import type { Position } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { type BatchOptions, batchDefaults } from './batch-options.ts'
import { DeliveryQueue } from './delivery-queue.ts'
import type { StreamEvents } from './events.ts'
import { IteratorLock, type IteratorSource, iterate } from './record-iterator.ts'

/** How often the iterators that would expire soon are renewed, in ms. They live for 15 minutes. */
const HEARTBEAT_MS = 60_000

/**
 * What a stream is made of.
 *
 * @internal
 */
export interface StreamParts {
  readonly coordinator: Coordinator
  readonly clock: Clock
  readonly events: Emitter<StreamEvents>
  readonly signal: AbortSignal | undefined
  /** Creates what saves the position, if it is to be saved. */
  readonly makeCheckpointer: ((tokenOf: () => StreamToken) => Checkpointer) | undefined
  /** Returns the reader of the table's next stream after `streamArn`, waiting for it if need be; undefined when aborted. */
  readonly follow: ((streamArn: string, signal: AbortSignal) => Promise<Coordinator | undefined>) | undefined
  /** Disposes of what was created for this stream only. */
  dispose(): void
}

/**
 * A DynamoDB stream as an async iterable. A record is acknowledged when the loop asks for the next one; the checkpoint and
 * {@link token} cover the acknowledged records. A record that a loop was left with (`break`, `return`, `throw`) is delivered
 * again: to the next loop over this stream, or after a restart.
 *
 * One loop at a time reads a stream, over its records or over {@link batches}. A second loop, a pool of workers that
 * share an iterator, or a call of `next()` while one is pending rejects with `stream.busy`: each request for a record
 * acknowledges the one before it, whoever processes it. Another loop may start once the first one was left or has ended. To
 * process records concurrently, take them with `batches` and wait for all of an array.
 *
 * {@link close} it when you are done with it, unless a loop has run to its end: see there.
 *
 * Created by `openStream`.
 */
export class DynamoDBStream<Image = PlainItem>
  implements AsyncIterable<StreamRecord<Image>>, AsyncDisposable
{
  readonly #parts: StreamParts
  readonly #checkpointer: Checkpointer | undefined
  readonly #closingSignal = new AbortController()
  readonly #stopHeartbeats: () => void
  readonly #onAbort = (): void => this.#abort()
  #coordinator: Coordinator
  readonly #deliveries = new DeliveryQueue()
  /** An error that is thrown once the batch before it was delivered. */
  #pendingError: { readonly error: unknown } | undefined
  readonly #lock = new IteratorLock()
  /** Aborts the wait for the table's next stream. */
  #following: AbortController | undefined
  /** The moves in flight. */
  readonly #moves = new Set<Promise<void>>()
  #closing: Promise<void> | undefined
  /** The error of the checkpoint that a loop has thrown. */
  #thrown: unknown

  /** @internal */
  constructor(parts: StreamParts) {
    this.#parts = parts
    this.#coordinator = parts.coordinator
    this.#checkpointer = parts.makeCheckpointer?.(() => this.token)
    // The position of a quiet stream moves as well: an old checkpoint would name shards that are trimmed one day.
    for (const moved of ['shardOpened', 'shardFinished'] as const) {
      parts.events.on(moved, () => this.#checkpointer?.positionChanged())
    }
    this.#stopHeartbeats = this.#startHeartbeats()
    if (parts.signal?.aborted) this.#onAbort()
    else parts.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * Saves the position that the stream starts at: until then a crash would make `latest` start later.
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

  /** The ARN of the stream that is being read; with `followTable` it may change. */
  get streamArn(): string {
    return this.#coordinator.streamArn
  }

  /** The position: covers every acknowledged record, and no other. A fresh object at each read. */
  get token(): StreamToken {
    return this.#coordinator.token
  }

  /** How far processing is behind the stream: records that are not acknowledged count. Makes no call. */
  lag(): StreamLag {
    return this.#coordinator.lag()
  }

  /**
   * Moves to another position, all or nothing; a loop continues with the records from there. See `Coordinator.moveTo`.
   */
  async moveTo(position: Position): Promise<void> {
    // At the very moment of the move: a record of the new position may be delivered right after it.
    const move = this.#coordinator.moveAndThen(position, () => {
      this.#deliveries.clear()
      this.#pendingError = undefined
      this.#following?.abort()
    })
    this.#moves.add(move)
    try {
      await move
    } finally {
      this.#moves.delete(move)
    }
    this.#checkpointer?.positionChanged()
  }

  /** Renews the shard iterators that would expire soon. Called automatically every minute. */
  heartbeat(): Promise<void> {
    return this.#coordinator.heartbeat()
  }

  /**
   * Calls `listener` at each event of that name, after the change that it reports. Nothing waits for the listener, and
   * reading does not depend on it. Events from before `openStream` has resolved are received with its option `listeners`.
   *
   * A listener that throws ends the process, as any uncaught exception does (`process.on('uncaughtException')`): neither a
   * loop nor `close()` rejects with the error. The same holds for an async listener that rejects (`'unhandledRejection'`).
   *
   * @returns a function that removes the listener. There is no `off` or `once`: call it instead.
   * @throws StreamError `options.invalid` for an event that does not exist.
   */
  on<Name extends keyof StreamEvents>(
    name: Name,
    listener: (event: StreamEvents[Name]) => void,
  ): Unsubscribe {
    return this.#parts.events.on(name, listener)
  }

  /**
   * Record after record, in one loop at a time: a second one, or a call of `next()` while one is pending, rejects with
   * `stream.busy`. Ends when the stream has ended, when `signal` aborts, or after `close()`; the last checkpoint
   * is saved then, and the stream is closed. Rejects as `Coordinator.next` does, and with `checkpoint.conflict` or
   * `checkpoint.failed`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamRecord<Image>> {
    return this.#iterate(() => this.#nextRecord()) as AsyncIterableIterator<StreamRecord<Image>>
  }

  /**
   * Arrays of records, in the same order; an array is acknowledged when the loop asks for the next one. A loop that is left
   * with an array receives all of it again. An array that could not be completed because of an error is delivered
   * before the error is thrown.
   *
   * As for a loop over the stream itself, one loop at a time: a second one rejects with `stream.busy`.
   *
   * @throws StreamError `options.invalid`, at once. The loop ends and rejects as one over the stream itself does.
   */
  batches(options: BatchOptions = {}): AsyncIterableIterator<readonly StreamRecord<Image>[]> {
    checkNames('', options, ['maxRecords', 'maxWaitMs'])
    const maxRecords = integer('maxRecords', options.maxRecords ?? batchDefaults.maxRecords, 1, 10_000)
    const maxWaitMs = integer('maxWaitMs', options.maxWaitMs ?? batchDefaults.maxWaitMs, 0, 300_000)
    const batch: Batch = { maxRecords, maxWaitMs, completeAt: undefined }
    return this.#iterate(
      () => this.#nextBatch(batch),
      () => batch.completeAt,
    ) as AsyncIterableIterator<readonly StreamRecord<Image>[]>
  }

  /**
   * Ends reading, saves the last checkpoint (for up to 10 s) and frees what the stream holds. A loop that is running ends
   * without an error; the record that it holds is delivered again after a restart. Idempotent.
   *
   * Needed after a loop that was left (`break`, `return`, `throw`) or has rejected, and where there was no loop: it ends the
   * calls in flight and the heartbeats, and closes the clients that were created for this stream. The checkpoint is saved when
   * a loop is left, so that a program that ends right after it loses nothing without `close()`. Not needed after a loop
   * that has ended by itself, because the stream has ended or `signal` has aborted: that loop has closed the stream. `await
   * using` and `try { … } finally { await stream.close() }` are right in every case.
   *
   * Rejects with `checkpoint.failed` or `checkpoint.conflict`, unless a loop has thrown that error already: then it
   * resolves, and does not try to save again. (`await using` would hide the error in a `SuppressedError`.) Errors of reading,
   * such as `records.trimmed`, are thrown by the loop only; after one, `close` still saves what was acknowledged.
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
    this.#closingSignal.abort()
    await this.#coordinator.close()
    this.#parts.dispose()
    await this.#checkpointer?.close()
  }

  /** The signal has aborted: a loop ends by itself, and saves what is acknowledged; without one this does. */
  #abort(): void {
    this.#stopHeartbeats()
    this.#closingSignal.abort()
    void this.#coordinator.close()
    if (!this.#lock.isPending && this.#deliveries.unacknowledged === 0) this.close().catch(() => {})
  }

  /**
   * The consumer is done with what it has, before it asks for more.
   * @internal
   */
  acknowledge(): void {
    this.#acknowledge()
  }

  // ---- Iteration ---------------------------------------------------------------------------------------------------

  /** @param completeAt - when `take` has to be tried again at the latest (monotonic ms). */
  #iterate<T>(
    take: IteratorSource<T>['nextValue'],
    completeAt: () => number | undefined = () => undefined,
  ): AsyncIterableIterator<T, undefined> {
    return iterate({
      lock: this.#lock,
      nextValue: take,
      wait: (left) => this.#waitForMore(left, completeAt()),
      onEnd: () => this.#throwing(this.#closeOnce()),
      onReturn: () => this.#throwing(this.#onReturn()),
    })
  }

  /** Notes what a loop throws. */
  async #throwing(step: Promise<void>): Promise<void> {
    try {
      await step
    } catch (error) {
      this.#thrown = error
      throw error
    }
  }

  #nextRecord(): StreamRecord | undefined {
    this.#acknowledge()
    if (this.#isClosed) return undefined
    if (this.#deliveries.waiting === 0) this.#fetch()
    return this.#deliveries.next()
  }

  /** Gathers what there is. Returns the batch when it is complete, or cannot be completed. */
  #nextBatch(batch: Batch): StreamRecord[] | undefined {
    this.#acknowledge()
    if (this.#isClosed) return undefined
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
    if (!isFull && now < batch.completeAt && !this.#pendingError && !this.#coordinator.ended) return undefined
    batch.completeAt = undefined
    return this.#deliveries.nextBatch(batch.maxRecords)
  }

  /** Adds a record to those that wait. Returns whether there was one. */
  #fetch(): boolean {
    if (this.#pendingError) {
      const { error } = this.#pendingError
      this.#pendingError = undefined
      throw error
    }
    const delivery = this.#coordinator.takeAvailable()
    if (delivery) this.#deliveries.add(delivery)
    return delivery !== undefined
  }

  /** The loop asks for more: the consumer is done with what it has. */
  #acknowledge(): void {
    const checkpointer = this.#checkpointer
    if (checkpointer?.failure !== undefined) {
      this.#thrown = checkpointer.failure
      throw checkpointer.failure
    }
    const count = this.#deliveries.acknowledge()
    if (count > 0) checkpointer?.recordsProcessed(count)
  }

  /** The loop was left: the consumer is not done with what it has. */
  async #onReturn(): Promise<void> {
    this.#deliveries.redeliver()
    this.#pendingError = undefined
    if (this.#parts.signal?.aborted) await this.#closeOnce()
    else if (!this.#isClosed) await this.#checkpointer?.flush()
  }

  get #isClosed(): boolean {
    return this.#coordinator.isClosed || this.#closing !== undefined
  }

  /** Waits until something has changed, `left` aborts, or it is `until` (monotonic ms). Resolves to false at the end. */
  async #waitForMore(left: AbortSignal, until: number | undefined): Promise<boolean> {
    if (this.#isClosed) return false
    if (this.#coordinator.ended && this.#deliveries.waiting === 0) return this.#followTable(left)
    const { clock } = this.#parts
    // Not AbortSignal.any: on Node 20 a signal that lives long remembers every signal that was made of it.
    const over = new AbortController()
    const stop = () => over.abort()
    left.addEventListener('abort', stop)
    const cancelTimer =
      until === undefined ? undefined : clock.setTimer(Math.max(0, until - clock.monotonic()), stop)
    try {
      if (!left.aborted) await this.#coordinator.progress(over.signal)
    } catch (error) {
      if (!this.#isClosed) throw error
    } finally {
      cancelTimer?.()
      left.removeEventListener('abort', stop)
    }
    return true
  }

  /** The stream has ended: continues with the table's next one, if it is to be followed. */
  async #followTable(left: AbortSignal): Promise<boolean> {
    const former = this.#coordinator
    const moved = new AbortController()
    this.#following = moved
    const signal = AbortSignal.any([left, this.#closingSignal.signal, moved.signal])
    const next = await this.#parts.follow?.(former.streamArn, signal)
    // A move that succeeds takes effect before the next stream does.
    await abortable(Promise.allSettled(this.#moves), left).catch(() => {})
    this.#following = undefined
    if (this.#isClosed || moved.signal.aborted || left.aborted) {
      await next?.close()
      return !this.#isClosed
    }
    if (!next) return false
    this.#coordinator = next
    await former.close()
    this.#checkpointer?.positionChanged()
    return true
  }

  #startHeartbeats(): () => void {
    const { clock } = this.#parts
    let cancel = () => {}
    const beat = () => {
      cancel = clock.setTimer(
        HEARTBEAT_MS,
        () => {
          // What fails here fails in the loop too, and is thrown there.
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

/** An array that `batches` is gathering: the records that wait. */
interface Batch {
  readonly maxRecords: number
  readonly maxWaitMs: number
  /** When it is delivered even if it is not full (monotonic ms); undefined while it is empty. */
  completeAt: number | undefined
}
