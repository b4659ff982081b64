import { Readable } from 'node:stream'
import type { DynamoDBStream, StreamRecord } from '../../../src/index.ts'
import type { LoopKind } from './steps.ts'

/** What happens to a loop, at the moment when it happens. */
export interface LoopWatcher {
  asks(loop: Loop): void
  receives(loop: Loop, records: readonly StreamRecord[]): void
  ends(loop: Loop): void
  fails(loop: Loop, error: unknown): void
  leaves(loop: Loop): void
}

type Item = StreamRecord | readonly StreamRecord[]

/**
 * One loop over a stream. It goes by the iterator's protocol, as `for await` does, so that anything can happen in the body
 * and while `next()` is pending. A Readable gets the watched iterator as its source.
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
  /** Those who wait for an item of the Readable. */
  readonly #takers: (() => void)[] = []

  constructor(kind: LoopKind, stream: DynamoDBStream, watcher: LoopWatcher) {
    this.kind = kind
    this.#watcher = watcher
    this.#iterator =
      kind.as === 'batches'
        ? stream.batches({ maxRecords: kind.maxRecords, maxWaitMs: kind.maxWaitMs })
        : stream[Symbol.asyncIterator]()
    if (kind.as === 'readable') this.#readable = this.#makeReadable()
  }

  /** Settles with the call of `next()` that is pending. Never rejects. */
  get pending(): Promise<void> | undefined {
    return this.#pending
  }

  get isLeft(): boolean {
    return this.#isLeft
  }

  /** How the last call of `next()` came out, if not with an item. */
  get end(): 'done' | 'failed' | undefined {
    return this.#end
  }

  /** Takes an item, asking for it if it is not pending. Resolves when it arrived, or `next()` gave an end. */
  async take(): Promise<void> {
    if (this.#readable) return this.#takeFrom(this.#readable)
    if (!this.#pending) this.#ask().catch(() => {})
    await this.#pending
  }

  /** Stops taking. What `next()` is pending for arrives nevertheless. */
  stop(): void {
    this.#readable?.pause()
  }

  /** Resolves when the iterator has confirmed it. Rejects as it does. */
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
    // A Readable has called it, unless it never asked for anything.
    await this.#return()
  }

  #ask(): Promise<IteratorResult<Item, undefined>> {
    this.#end = undefined
    this.#watcher.asks(this)
    const next = this.#iterator.next()
    const settled = next.then(
      (result) => {
        this.#pending = undefined
        if (result.done) {
          this.#end = 'done'
          this.#watcher.ends(this)
        } else this.#watcher.receives(this, [result.value].flat())
      },
      (error) => {
        this.#pending = undefined
        this.#end = 'failed'
        this.#watcher.fails(this, error)
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
    this.#watcher.leaves(this)
    return (await this.#iterator.return?.()) ?? { value: undefined, done: true }
  }

  #makeReadable(): Readable {
    const readable = Readable.from({
      [Symbol.asyncIterator]: () => ({ next: () => this.#ask(), return: () => this.#return() }),
    })
    readable.pause()
    readable.on('data', () => {
      readable.pause()
      this.#arrived()
    })
    readable.on('close', () => this.#arrived())
    readable.on('error', () => {})
    return readable
  }

  #takeFrom(readable: Readable): Promise<void> {
    if (readable.destroyed) return Promise.resolve()
    readable.resume()
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  #arrived(): void {
    for (const resolve of this.#takers.splice(0)) resolve()
  }
}
