import { StreamError } from '../core/errors.ts'

/** One iterator over a stream. */
interface Reading {
  /** Whether a call of its `next()` is pending. */
  isPending: boolean
}

/**
 * Lets one iterator of a stream read at a time.
 *
 * @internal
 */
export class IteratorLock {
  #holder: Reading | undefined

  /** Whether a call of `next()` is pending. */
  get isPending(): boolean {
    return this.#holder?.isPending === true
  }

  /** Returns the error if this iterator may not read now. */
  acquire(reading: Reading): StreamError | undefined {
    if (reading.isPending) return busy('next() was called again while a call of it is pending.')
    this.#holder ??= reading
    return this.#holder === reading ? undefined : busy('Another loop is reading this stream.')
  }

  /** Returns whether it was this iterator that held the lock. */
  release(reading: Reading): boolean {
    if (this.#holder !== reading) return false
    this.#holder = undefined
    return true
  }
}

function busy(problem: string): StreamError {
  const message = `${problem} Asking for the next record acknowledges the one before, so one loop at a time reads a stream, and asks for one record after the other: leave the first loop before you begin another one.`
  return new StreamError('stream.busy', message, {})
}

/** Where an iterator's values come from. */
export interface IteratorSource<T> {
  readonly lock: IteratorLock
  /** The next value; undefined if there is none now. */
  nextValue(): T | undefined
  /** Waits until there may be another value, or `left` aborts. Resolves to false when there will be none. */
  wait(left: AbortSignal): Promise<boolean>
  /** There are no more values. */
  onEnd(): Promise<void>
  /** The consumer has left the iterator before its end. */
  onReturn(): Promise<void>
}

const END = { value: undefined, done: true } as const

/** An async iterator written out by hand: a generator costs three times as much a record. */
export function iterate<T>(source: IteratorSource<T>): AsyncIterableIterator<T, undefined> {
  const { lock } = source
  const reading: Reading = { isPending: false }
  const left = new AbortController()
  let hasBegun = false
  let isOver = false

  const nextSlowly = async (): Promise<IteratorResult<T, undefined>> => {
    while (!isOver) {
      const value = source.nextValue()
      if (value !== undefined) return { value, done: false }
      if ((await source.wait(left.signal)) || isOver) continue
      isOver = true
      // No more records will come: another loop ends as well, instead of rejecting with stream.busy.
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
      const refusal = lock.acquire(reading)
      if (refusal) return Promise.reject(refusal)
      try {
        // The first call is pending for a moment in any case, so that a pool whose workers share the iterator is noticed.
        const value = hasBegun ? source.nextValue() : undefined
        hasBegun = true
        return value === undefined ? nextPending() : Promise.resolve({ value, done: false })
      } catch (error) {
        lock.release(reading)
        return Promise.reject(error)
      }
    },
    return: async () => {
      if (isOver) return END
      isOver = true
      left.abort()
      if (lock.release(reading)) await source.onReturn()
      return END
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}
