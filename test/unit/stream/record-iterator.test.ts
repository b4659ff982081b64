import { expect, it } from 'vitest'
import { CallQueue } from '../../../src/core/call-queue.ts'
import { type IteratorSource, iterate } from '../../../src/stream/record-iterator.ts'

const END = { value: undefined, done: true }
const value = (number: number) => ({ value: number, done: false })

/** A source of numbers that are put into it, and a log of what the iterator asked of it. */
function sourceOf(more: Partial<IteratorSource<number>> = {}) {
  const numbers: number[] = []
  const log: string[] = []
  let wake = () => {}
  let isEnded = false
  const source: IteratorSource<number> = {
    queue: new CallQueue(),
    take: () => numbers.shift(),
    wait: (left) => {
      log.push('wait')
      return new Promise((resolve) => {
        wake = () => resolve(!isEnded)
        left.addEventListener('abort', () => resolve(true), { once: true })
      })
    },
    end: async () => void log.push('end'),
    leave: async () => void log.push('leave'),
    ...more,
  }
  return {
    iterator: iterate(source),
    log,
    put: (...added: number[]) => {
      numbers.push(...added)
      wake()
    },
    finish: () => {
      isEnded = true
      wake()
    },
    left: () => numbers,
  }
}

/** Lets all promise callbacks that are ready run. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

it('values that are there are returned without waiting, and calls that come at once get them in their order', async () => {
  const { iterator, put, log } = sourceOf()
  put(1, 2, 3)
  expect(await Promise.all([iterator.next(), iterator.next(), iterator.next()])).toEqual([1, 2, 3].map(value))
  expect(log).toEqual([])
})

it('a call that waits gets the next value, and calls behind it the ones after', async () => {
  const { iterator, put } = sourceOf()
  const calls = [iterator.next(), iterator.next()]
  await settle()
  put(1)
  await settle()
  put(2)
  expect(await Promise.all(calls)).toEqual([1, 2].map(value))
})

it('the end comes once, and to every call', async () => {
  const { iterator, log, finish } = sourceOf()
  const calls = [iterator.next(), iterator.next()]
  await settle()
  finish()
  expect(await Promise.all(calls)).toEqual([END, END])
  expect(await iterator.next()).toEqual(END)
  expect(log.filter((entry) => entry === 'end')).toEqual(['end'])
})

it('return() ends the calls that wait, which take no value any more', async () => {
  const { iterator, put, log, left } = sourceOf()
  const calls = [iterator.next(), iterator.next()]
  await settle()
  expect(await iterator.return?.()).toEqual(END)
  put(1, 2)
  expect(await Promise.all(calls)).toEqual([END, END])
  expect(await iterator.next()).toEqual(END)
  expect(left()).toEqual([1, 2])
  expect(log).toEqual(['wait', 'leave'])
})

it('return() wins over a value that has just arrived and was not taken yet', async () => {
  const { iterator, put, left } = sourceOf()
  const call = iterator.next()
  await settle()
  put(1)
  void iterator.return?.()
  expect(await call).toEqual(END)
  expect(left()).toEqual([1])
})

it('an error of take() is that of the call, whether it waited or not, and the next call tries again', async () => {
  let fails = true
  const { iterator, put } = sourceOf({
    take: () => {
      if (fails) throw new Error('denied')
      return 7
    },
  })
  await expect(iterator.next()).rejects.toThrow('denied')
  const calls = [iterator.next(), iterator.next()].map((call) => call.catch((error: Error) => error.message))
  expect(await Promise.all(calls)).toEqual(['denied', 'denied'])
  fails = false
  put()
  expect(await iterator.next()).toEqual(value(7))
})

it('an error of wait() or end() is that of the call that met it', async () => {
  const failing = sourceOf({ wait: () => Promise.reject(new Error('cannot wait')) })
  await expect(failing.iterator.next()).rejects.toThrow('cannot wait')
  const ending = sourceOf({
    wait: async () => false,
    end: () => Promise.reject(new Error('cannot save')),
  })
  await expect(ending.iterator.next()).rejects.toThrow('cannot save')
  expect(await ending.iterator.next()).toEqual(END)
})

it('an error of leave() is that of return(), and the iterator is over all the same', async () => {
  const { iterator, put } = sourceOf({ leave: () => Promise.reject(new Error('cannot save')) })
  put(1)
  await expect(iterator.return?.()).rejects.toThrow('cannot save')
  expect(await iterator.next()).toEqual(END)
})

it('the iterator is its own iterable, as those of generators are', () => {
  const { iterator } = sourceOf()
  expect(iterator[Symbol.asyncIterator]()).toBe(iterator)
})
