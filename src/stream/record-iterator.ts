import { StreamError } from '../core/errors.ts'

/** The state of one iterator over a stream. */
interface Reading {
  /** Whether a call of `next()` on this iterator is pending. */
  isPending: boolean
}

/**
 * Lets one iterator at a time read a stream.
 *
 * @internal
 */
export class IteratorLock {
  #holder: Reading | undefined

  /** Whether a call of `next()` on the iterator that holds the lock is pending. */
  get isPending(): boolean {
    return this.#holder?.isPending === true
  }

  /** Acquires the lock for this iterator, or returns the error if it cannot read now. */
  acquire(reading: Reading): StreamError | undefined {
    if (reading.isPending) {
      return busy(
        'next() was called while an earlier call is pending.',
        'Await each call of next() before the next one.',
      )
    }
    this.#holder ??= reading
    if (this.#holder === reading) return undefined
    return busy('Another loop is reading this stream.', 'Leave the first loop before you start another.')
  }

  /** Releases the lock, and returns whether this iterator held it. */
  release(reading: Reading): boolean {
    if (this.#holder !== reading) return false
    this.#holder = undefined
    return true
  }
}

function busy(problem: string, advice: string): StreamError {
  const message =
    `${problem} Requesting the next record acknowledges the previous one, so a stream is read by one loop at a time, ` +
    `one record after the other. ${advice}`
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
