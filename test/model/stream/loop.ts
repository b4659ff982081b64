import { Readable } from 'node:stream'
import type { DynamoDBStream, StreamRecord } from '../../../src/index.ts'
import type { LoopKind } from './steps.ts'

/** Callbacks of a loop, called at the moment of the event. */
export interface LoopWatcher {
  /** `next()` is about to be called. */
  onRequest(loop: Loop): void
  onRecords(loop: Loop, records: readonly StreamRecord[]): void
  onEnd(loop: Loop): void
  onError(loop: Loop, error: unknown): void
  /** `return()` is about to be called. */
  onReturn(loop: Loop): void
}

type Item = StreamRecord | readonly StreamRecord[]

/**
 * One loop over a stream. It uses the iterator protocol, like `for await`, so that a step can happen in the
 * loop body and while `next()` is pending. A Readable gets the watched iterator as its source.
 */
export class Loop {
  readonly kind: LoopKind
  readonly #watcher: LoopWatcher
  readonly #iterator: AsyncIterator<Item, undefined>
  readonly #readable: Readable | undefined
  #pending: Promise<void> | undefined
  #isLeft = false
  #end: 'done' | 'failed' | undefined
  #leaving: Promise<void> | undefined
  #returned: Promise<IteratorResult<Item, undefined>> | undefined
  /** Resolvers of callers that wait for an item of the Readable. */
  readonly #waiters: (() => void)[] = []

  constructor(kind: LoopKind, stream: DynamoDBStream, watcher: LoopWatcher) {
    this.kind = kind
    this.#watcher = watcher
    this.#iterator =
      kind.as === 'batches'
        ? stream.batches({ maxRecords: kind.maxRecords, maxWaitMs: kind.maxWaitMs })
        : stream[Symbol.asyncIterator]()
    if (kind.as === 'readable') this.#readable = this.#makeReadable()
  }

  /** Resolves when the pending call of `next()` settles. Never rejects. */
  get pending(): Promise<void> | undefined {
    return this.#pending
  }

  get isLeft(): boolean {
    return this.#isLeft
  }

  /** How the last call of `next()` settled, unless it returned an item or is pending. */
  get end(): 'done' | 'failed' | undefined {
    return this.#end
  }

  /** Requests an item unless a request is pending. Resolves when `next()` has settled. */
  async take(): Promise<void> {
    if (this.#readable) return this.#takeFrom(this.#readable)
    if (!this.#pending) this.#requestNext().catch(() => {})
    await this.#pending
  }

  /** Stops reading from the Readable. A pending `next()` still delivers its item. */
  stop(): void {
    this.#readable?.pause()
  }

  /** Leaves the loop. Settles like `return()` of the iterator. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #leave(): Promise<void> {
    const readable = this.#readable
    if (readable) {
      readable.destroy()
      if (!readable.closed) await new Promise<void>((resolve) => readable.once('close', () => resolve()))
    }
    // A Readable has already called it, unless it never requested an item.
    await this.#return()
  }

  #requestNext(): Promise<IteratorResult<Item, undefined>> {
    this.#end = undefined
    this.#watcher.onRequest(this)
    const next = this.#iterator.next()
    const settled = next.then(
      (result) => {
        this.#pending = undefined
        if (result.done) {
          this.#end = 'done'
          this.#watcher.onEnd(this)
        } else this.#watcher.onRecords(this, [result.value].flat())
      },
      (error) => {
        this.#pending = undefined
        this.#end = 'failed'
        this.#watcher.onError(this, error)
      },
    )
    this.#pending = settled
    return next
  }

  #return(): Promise<IteratorResult<Item, undefined>> {
    this.#returned ??= this.#callReturn()
    return this.#returned
  }

  async #callReturn(): Promise<IteratorResult<Item, undefined>> {
    this.#isLeft = true
    this.#watcher.onReturn(this)
    return (await this.#iterator.return?.()) ?? { value: undefined, done: true }
  }

  #makeReadable(): Readable {
    const readable = Readable.from({
      [Symbol.asyncIterator]: () => ({ next: () => this.#requestNext(), return: () => this.#return() }),
    })
    readable.pause()
    readable.on('data', () => {
      readable.pause()
      this.#wakeWaiters()
    })
    readable.on('close', () => this.#wakeWaiters())
    readable.on('error', () => {})
    return readable
  }

  #takeFrom(readable: Readable): Promise<void> {
    if (readable.destroyed) return Promise.resolve()
    readable.resume()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  #wakeWaiters(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
