import type { CallQueue } from '../core/call-queue.ts'

/** Where an iterator's values come from. */
export interface IteratorSource<T> {
  readonly queue: CallQueue
  /** The next value; undefined if there is none now. */
  take(): T | undefined
  /** Waits until there may be another value, or `left` aborts. Resolves to false when there will be none. */
  wait(left: AbortSignal): Promise<boolean>
  /** There are no more values. */
  end(): Promise<void>
  /** The consumer has left the iterator before its end. */
  leave(): Promise<void>
}

const END = { value: undefined, done: true } as const

/** An async iterator written out by hand: a generator costs three times as much a record. */
export function iterate<T>(source: IteratorSource<T>): AsyncIterableIterator<T, undefined> {
  const { queue } = source
  const left = new AbortController()
  let isOver = false
  const nextSlowly = async (): Promise<IteratorResult<T, undefined>> => {
    while (!isOver) {
      const value = source.take()
      if (value !== undefined) return { value, done: false }
      if ((await source.wait(left.signal)) || isOver) continue
      isOver = true
      await source.end()
    }
    return END
  }
  const iterator: AsyncIterableIterator<T, undefined> = {
    next: () => {
      if (isOver || !queue.isIdle) return queue.run(nextSlowly)
      try {
        const value = source.take()
        return value === undefined ? queue.run(nextSlowly) : Promise.resolve({ value, done: false })
      } catch (error) {
        return Promise.reject(error)
      }
    },
    return: async () => {
      if (isOver) return END
      isOver = true
      left.abort()
      await source.leave()
      return END
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}
