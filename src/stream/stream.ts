import type { Checkpointer } from '../checkpoints/checkpointer.ts'
import type { Coordinator } from '../coordinator/coordinator.ts'
import type { StreamLag } from '../coordinator/lag.ts'
import { CallQueue } from '../core/call-queue.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Emitter, Unsubscribe } from '../core/emitter.ts'
import { integer } from '../core/options.ts'
import type { Position } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { type BatchOptions, batchDefaults } from './batch-options.ts'
import type { StreamEvents } from './events.ts'
import { iterate } from './record-iterator.ts'

/** How often the iterators that would soon expire are renewed, in ms. They live for 15 minutes. */
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
  /** Makes what saves the position, if it is to be saved. */
  readonly makeCheckpointer: ((tokenOf: () => StreamToken) => Checkpointer) | undefined
  /** Whether the position that it begins at is not saved yet: `latest` must not slip if no record comes for long. */
  readonly isUnsaved: boolean
  /** Gives the reader of the table's next stream after `streamArn`, waiting for it if need be; undefined when aborted. */
  readonly follow: ((streamArn: string, closing: AbortSignal) => Promise<Coordinator | undefined>) | undefined
  /** Gives back what was made for this stream only. */
  dispose(): void
}

/**
 * A DynamoDB stream as an async iterable. A record counts as done when the loop comes back for the next one; what is
 * done is in the checkpoint, and in {@link token}. A record that the loop was left with is given out again.
 *
 * Made by `openStream`.
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
  /** Handed out, and not done yet. */
  #handed: StreamRecord[] = []
  /** Left undone by a loop that ended; the next loop begins with them. */
  #again: StreamRecord[] = []
  readonly #calls = new CallQueue()
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(parts: StreamParts) {
    this.#parts = parts
    this.#coordinator = parts.coordinator
    this.#checkpointer = parts.makeCheckpointer?.(() => this.token)
    if (parts.isUnsaved) this.#checkpointer?.recordsDone(0)
    // A quiet stream moves on as well: a checkpoint that stood still would name shards that are trimmed one day.
    for (const moved of ['shardOpened', 'shardFinished'] as const) {
      parts.events.on(moved, () => this.#checkpointer?.recordsDone(0))
    }
    this.#stopHeartbeats = this.#beatRegularly()
    if (parts.signal?.aborted) this.#onAbort()
    else parts.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** The ARN of the stream that is being read; with `followTable` it may change. */
  get streamArn(): string {
    return this.#coordinator.streamArn
  }

  /** The position: covers every record that is done, and no other. A fresh object at each read. */
  get token(): StreamToken {
    return this.#coordinator.committedToken
  }

  /** How far reading is behind. Costs no call. */
  lag(): StreamLag {
    return this.#coordinator.lag()
  }

  /**
   * Goes to another position, all or nothing; a loop goes on with the records from there. See `Coordinator.moveTo`.
   */
  async moveTo(position: Position): Promise<void> {
    await this.#coordinator.moveTo(position)
    this.#handed = []
    this.#again = []
    this.#checkpointer?.recordsDone(0)
  }

  /** Renews the shard iterators that would soon expire. Runs by itself every minute. */
  heartbeat(): Promise<void> {
    return this.#coordinator.heartbeat()
  }

  /** Has `listener` called at each event of that name. Returns what takes it away. */
  on<Name extends keyof StreamEvents>(
    name: Name,
    listener: (event: StreamEvents[Name]) => void,
  ): Unsubscribe {
    return this.#parts.events.on(name, listener)
  }

  /**
   * Record after record. Ends when the stream has ended, when `signal` aborts, or after `close()`; the last checkpoint
   * is saved then. Rejects as `Coordinator.next` does, and with `checkpoint.conflict` or `checkpoint.failed`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamRecord<Image>> {
    return this.#iterate(
      () => this.#takeOne(),
      () => this.#waitForOne(),
    ) as AsyncIterableIterator<StreamRecord<Image>>
  }

  /**
   * Arrays of records, in the same order; an array is done when the loop comes back for the next one.
   * @throws StreamError `options.invalid`
   */
  batches(options: BatchOptions = {}): AsyncIterableIterator<readonly StreamRecord<Image>[]> {
    const maxRecords = integer('maxRecords', options.maxRecords ?? batchDefaults.maxRecords, 1, 10_000)
    const maxWaitMs = integer('maxWaitMs', options.maxWaitMs ?? batchDefaults.maxWaitMs, 0, 300_000)
    return this.#iterate(
      () => (maxWaitMs === 0 ? this.#takeMany(maxRecords, []) : undefined),
      () => this.#waitForMany(maxRecords, maxWaitMs),
    ) as AsyncIterableIterator<readonly StreamRecord<Image>[]>
  }

  /** Ends reading and saves the last checkpoint. May be called again. Rejects with `checkpoint.failed` or `checkpoint.conflict`. */
  close(): Promise<void> {
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

  /** The signal has aborted: a loop under way ends by itself, and saves what is done; without one that is for us. */
  #abort(): void {
    this.#stopHeartbeats()
    this.#closingSignal.abort()
    void this.#coordinator.close()
    if (this.#calls.isIdle && this.#handed.length === 0) this.close().catch(() => {})
  }

  // ---- Iterating ---------------------------------------------------------------------------------------------------

  #iterate<T>(
    take: () => T | undefined,
    wait: () => Promise<T | undefined>,
  ): AsyncIterableIterator<T, undefined> {
    return iterate({
      queue: this.#calls,
      take: () => (this.#coordinator.isClosed ? undefined : take()),
      wait,
      end: () => this.close(),
      leave: () => this.#leave(),
    })
  }

  /** The loop has come back: what it was given is done. */
  #done(): void {
    const checkpointer = this.#checkpointer
    if (checkpointer?.failure !== undefined) throw checkpointer.failure
    if (this.#handed.length === 0 || this.#again.length > 0) return
    this.#coordinator.commit()
    checkpointer?.recordsDone(this.#handed.length)
    this.#handed = []
  }

  /** The loop was left: what it was given is not done. */
  async #leave(): Promise<void> {
    this.#again = [...this.#handed, ...this.#again]
    this.#handed = []
    if (!this.#coordinator.isClosed) await this.#checkpointer?.flush()
  }

  #takeOne(): StreamRecord | undefined {
    this.#done()
    const record = this.#again.shift() ?? this.#coordinator.take()
    if (record !== undefined) this.#handed.push(record)
    return record
  }

  async #waitForOne(): Promise<StreamRecord | undefined> {
    for (;;) {
      if (!(await this.#canGoOn())) return undefined
      const record = this.#takeOne()
      if (record !== undefined) return record
      if (!this.#coordinator.ended) await this.#progress()
    }
  }

  /** Adds what is there to `records`, up to `max` in all; undefined when there is still none. */
  #takeMany(max: number, records: StreamRecord[]): StreamRecord[] | undefined {
    if (records.length === 0) this.#done()
    while (records.length < max) {
      const record = this.#again.shift() ?? this.#coordinator.take()
      if (record === undefined) break
      records.push(record)
      this.#handed.push(record)
    }
    return records.length === 0 ? undefined : records
  }

  async #waitForMany(max: number, maxWaitMs: number): Promise<StreamRecord[] | undefined> {
    const { clock } = this.#parts
    const records: StreamRecord[] = []
    let until = Number.POSITIVE_INFINITY
    for (;;) {
      if (records.length === 0 && !(await this.#canGoOn())) return undefined
      if (this.#takeMany(max, records) !== undefined && until === Number.POSITIVE_INFINITY) {
        until = clock.now() + maxWaitMs
      }
      const leftMs = until - clock.now()
      const isEnough = records.length >= max || leftMs <= 0 || this.#coordinator.isClosed
      if (records.length > 0 && (isEnough || this.#coordinator.ended)) return records
      if (!this.#coordinator.ended) await this.#progress(records.length === 0 ? undefined : leftMs)
    }
  }

  /** Waits until something has changed, or `maxMs` are over. */
  async #progress(maxMs?: number): Promise<void> {
    try {
      if (maxMs === undefined) return await this.#coordinator.progress()
      const progressed = new AbortController()
      await Promise.race([
        this.#coordinator.progress(),
        sleep(this.#parts.clock, maxMs, progressed.signal),
      ]).finally(() => progressed.abort())
    } catch (error) {
      if (!this.#coordinator.isClosed) throw error
    }
  }

  /** Whether there may be more: it was not closed, and not read to its end; or the table has a next stream. */
  async #canGoOn(): Promise<boolean> {
    if (this.#coordinator.isClosed || this.#closing) {
      this.#done()
      return false
    }
    if (!this.#coordinator.ended || this.#again.length > 0) return true
    this.#done()
    const former = this.#coordinator
    const next = await this.#parts.follow?.(former.streamArn, this.#closingSignal.signal)
    if (!next) return false
    this.#coordinator = next
    const wasClosed = former.isClosed
    await (wasClosed ? next : former).close()
    if (!wasClosed) this.#checkpointer?.recordsDone(0)
    return !wasClosed
  }

  #beatRegularly(): () => void {
    const { clock } = this.#parts
    let cancel = () => {}
    const beat = () => {
      cancel = clock.setTimer(
        HEARTBEAT_MS,
        () => {
          // What fails here fails in the loop too, and is told there.
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
