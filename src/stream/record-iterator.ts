import type { CallQueue } from '../core/call-queue.ts'

/** What an iterator hands out, and where from. */
export interface IteratorSource<T> {
  readonly queue: CallQueue
  /** Gives what is there; undefined when that is nothing, or only `wait` may decide. */
  take(): T | undefined
  /** Waits for the next; undefined when there will be none. */
  wait(): Promise<T | undefined>
  /** It came to its end. */
  end(): Promise<void>
  /** The loop was left. */
  leave(): Promise<void>
}

const END = { value: undefined, done: true } as const

/** An iterator written out by hand: a generator costs three times as much a record. */
export function iterate<T>(source: IteratorSource<T>): AsyncIterableIterator<T, undefined> {
  const { queue } = source
  let isOver = false
  const nextSlowly = async (): Promise<IteratorResult<T, undefined>> => {
    if (isOver) return END
    const value = await source.wait()
    if (value !== undefined) return { value, done: false }
    isOver = true
    await source.end()
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
      isOver = true
      await source.leave()
      return END
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}
