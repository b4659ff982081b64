import { StreamError } from '../core/errors.ts'

/** The state of one iterator over a stream. */
interface Reading {
  /** Whether a call of `next()` on this iterator is pending. */
  isPending: boolean
}

/**
 * Lets one iterator, or one run of `processStream`, at a time read a stream.
 *
 * @internal
 */
export class IteratorLock {
  #holder: Reading | 'run' | undefined

  /** Whether a call of `next()` on the iterator that holds the lock is pending. */
  get isPending(): boolean {
    return this.#holder !== 'run' && this.#holder?.isPending === true
  }

  /** Acquires the lock for this iterator, or returns the error if it cannot read now. */
  acquire(reading: Reading): StreamError | undefined {
    if (this.#holder === 'run') return busyWithRun('start a loop')
    if (reading.isPending) {
      return busyWithLoop(
        'next() was called while an earlier call is pending.',
        'Await each call of next() before the next one.',
      )
    }
    this.#holder ??= reading
    if (this.#holder === reading) return undefined
    return busyWithLoop(
      'Another loop is reading this stream.',
      'Leave the first loop before you start another.',
    )
  }

  /** Releases the lock, and returns whether this iterator held it. */
  release(reading: Reading): boolean {
    if (this.#holder !== reading) return false
    this.#holder = undefined
    return true
  }

  /**
   * Acquires the lock for a run.
   *
   * @param isMoving - whether a move is in flight, which would change the position under the run.
   * @throws StreamError `stream.busy`
   */
  acquireForRun(isMoving: boolean): void {
    this.throwIfRunIsReading('start another one')
    if (this.#holder !== undefined) {
      throw busy('A loop is reading this stream. Leave the loop before you start a processStream run.')
    }
    if (isMoving) {
      throw busy('A call of moveTo() is pending. Await it before you start a processStream run.')
    }
    this.#holder = 'run'
  }

  /** Releases the lock that {@link acquireForRun} has acquired. */
  releaseRun(): void {
    if (this.#holder === 'run') this.#holder = undefined
  }

  /**
   * @param call - what the caller is about to do, as it appears in the error message.
   * @throws StreamError `stream.busy` if a run is reading the stream.
   */
  throwIfRunIsReading(call: string): void {
    if (this.#holder === 'run') throw busyWithRun(call)
  }
}

function busyWithRun(call: string): StreamError<'stream.busy'> {
  return busy(
    `A processStream run is reading this stream. Stop it with run.stop() and wait until it has ended before you ${call}.`,
  )
}

function busyWithLoop(problem: string, advice: string): StreamError<'stream.busy'> {
  return busy(
    `${problem} Requesting the next record acknowledges the previous one, so a stream is read by one loop at a time, ` +
      `one record after the other. ${advice}`,
  )
}

function busy(message: string): StreamError<'stream.busy'> {
  return new StreamError('stream.busy', message, {})
}

/** The source of an iterator's values. */
export interface IteratorSource<T> {
  readonly lock: IteratorLock
  /** Returns the next value, or undefined if no value is available now. */
  nextValue(): T | undefined
  /**
   * Waits until a value may be available or `returned` aborts. Resolves to false if there will be no more
   * values.
   */
  wait(returned: AbortSignal): Promise<boolean>
  /** Called when there are no more values. */
  onEnd(): Promise<void>
  /** Called when the consumer calls `return()` before the end. */
  onReturn(): Promise<void>
}

const END = { value: undefined, done: true } as const

/** Creates an async iterator without a generator, which would cost three times as much per record. */
export function iterate<T>(source: IteratorSource<T>): AsyncIterableIterator<T, undefined> {
  const { lock } = source
  const reading: Reading = { isPending: false }
  const returned = new AbortController()
  let hasStarted = false
  let isOver = false

  const nextSlowly = async (): Promise<IteratorResult<T, undefined>> => {
    while (!isOver) {
      const value = source.nextValue()
      if (value !== undefined) return { value, done: false }
      if ((await source.wait(returned.signal)) || isOver) continue
      isOver = true
      // There are no more records, so another loop should end as well instead of rejecting with stream.busy.
      lock.release(reading)
      await source.onEnd()
    }
    return END
  }

  const nextPending = async (): Promise<IteratorResult<T, undefined>> => {
    reading.isPending = true
    try {
      return await nextSlowly()
    } catch (error) {
      lock.release(reading)
      throw error
    } finally {
      reading.isPending = false
    }
  }

  const iterator: AsyncIterableIterator<T, undefined> = {
    next: () => {
      if (isOver) return Promise.resolve(END)
      const error = lock.acquire(reading)
      if (error) return Promise.reject(error)
      try {
        // The first call always stays pending briefly, so that a pool of workers that share an iterator is
        // detected.
        const value = hasStarted ? source.nextValue() : undefined
        hasStarted = true
        return value === undefined ? nextPending() : Promise.resolve({ value, done: false })
      } catch (error) {
        lock.release(reading)
        return Promise.reject(error)
      }
    },
    return: async () => {
      if (isOver) return END
      isOver = true
      returned.abort()
      if (lock.release(reading)) await source.onReturn()
      return END
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}
