import { describe, expect, it } from 'vitest'
import { IteratorLock, type IteratorSource, iterate } from '../../../src/stream/record-iterator.ts'

const END = { value: undefined, done: true }
const value = (number: number) => ({ value: number, done: false })

/**
 * Creates an iterator over the numbers that are `put`, with a log of the calls that it makes to its source.
 */
function sourceOf(overrides: Partial<IteratorSource<number>> = {}) {
  const numbers: number[] = []
  const log: string[] = []
  let wake = () => {}
  let isEnded = false
  const source: IteratorSource<number> = {
    lock: new IteratorLock(),
    nextValue: () => numbers.shift(),
    wait: (returned) => {
      log.push('wait')
      return new Promise((resolve) => {
        wake = () => resolve(!isEnded)
        returned.addEventListener('abort', () => resolve(true), { once: true })
      })
    },
    onEnd: async () => void log.push('end'),
    onReturn: async () => void log.push('return'),
    ...overrides,
  }
  return {
    iterator: iterate(source),
    log,
    put: (...values: number[]) => {
      numbers.push(...values)
      wake()
    },
    finish: () => {
      isEnded = true
      wake()
    },
    remaining: () => numbers,
  }
}

/** Runs all promise callbacks that are ready. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

it('available values are returned in order without waiting', async () => {
  const { iterator, put, log } = sourceOf()
  put(1, 2, 3)
  for (const number of [1, 2, 3]) expect(await iterator.next()).toEqual(value(number))
  expect(log).toEqual([])
})

it('a waiting call of next() returns the next value', async () => {
  const { iterator, put } = sourceOf()
  const call = iterator.next()
  await settle()
  put(1)
  expect(await call).toEqual(value(1))
})

it('onEnd() is called once, and every later call of next() reports the end', async () => {
  const { iterator, log, finish } = sourceOf()
  const call = iterator.next()
  await settle()
  finish()
  expect(await call).toEqual(END)
  expect(await iterator.next()).toEqual(END)
  expect(log.filter((entry) => entry === 'end')).toEqual(['end'])
})

it('return() ends a waiting call of next(), which consumes no more values', async () => {
  const { iterator, put, log, remaining } = sourceOf()
  const call = iterator.next()
  await settle()
  expect(await iterator.return?.()).toEqual(END)
  put(1, 2)
  expect(await call).toEqual(END)
  expect(await iterator.next()).toEqual(END)
  expect(remaining()).toEqual([1, 2])
  expect(log).toEqual(['wait', 'return'])
})

it('return() takes precedence over a value that has just arrived', async () => {
  const { iterator, put, remaining } = sourceOf()
  const call = iterator.next()
  await settle()
  put(1)
  void iterator.return?.()
  expect(await call).toEqual(END)
  expect(remaining()).toEqual([1])
})

it('an error of nextValue() rejects the call of next(), and the next call tries again', async () => {
  let fails = true
  const { iterator, put } = sourceOf({
    nextValue: () => {
      if (fails) throw new Error('denied')
      return 7
    },
  })
  await expect(iterator.next()).rejects.toThrow('denied')
  await expect(iterator.next()).rejects.toThrow('denied')
  fails = false
  put()
  expect(await iterator.next()).toEqual(value(7))
})

it('an error of wait() or onEnd() rejects the current call of next()', async () => {
  const failing = sourceOf({ wait: () => Promise.reject(new Error('cannot wait')) })
  await expect(failing.iterator.next()).rejects.toThrow('cannot wait')
  const ending = sourceOf({
    wait: async () => false,
    onEnd: () => Promise.reject(new Error('cannot save')),
  })
  await expect(ending.iterator.next()).rejects.toThrow('cannot save')
  expect(await ending.iterator.next()).toEqual(END)
})

it('an error of onReturn() rejects return(), and the iterator has ended nevertheless', async () => {
  const { iterator, put } = sourceOf({ onReturn: () => Promise.reject(new Error('cannot save')) })
  put(1)
  await iterator.next()
  await expect(iterator.return?.()).rejects.toThrow('cannot save')
  expect(await iterator.next()).toEqual(END)
})

it('the iterator is its own iterable, like a generator', () => {
  const { iterator } = sourceOf()
  expect(iterator[Symbol.asyncIterator]()).toBe(iterator)
})

describe('IteratorLock', () => {
  const busy = { code: 'stream.busy' }

  /** Creates two iterators over one stream. */
  const createTwo = () => {
    const lock = new IteratorLock()
    return [sourceOf({ lock }), sourceOf({ lock })] as const
  }

  it('a call of next() while one is pending is rejected and consumes no value', async () => {
    const { iterator, put, remaining } = sourceOf()
    const call = iterator.next()
    await expect(iterator.next()).rejects.toMatchObject(busy)
    put(1, 2)
    expect(await call).toEqual(value(1))
    expect(remaining()).toEqual([2])
  })

  it('workers that share an iterator are rejected immediately, even if values are available for all of them', async () => {
    const { iterator, put } = sourceOf()
    put(1, 2, 3)
    const calls = await Promise.allSettled([iterator.next(), iterator.next(), iterator.next()])
    expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  })

  it('a second iterator is rejected as soon as the first has been read', async () => {
    const [first, second] = createTwo()
    first.put(1)
    second.put(2)
    await first.iterator.next()
    await expect(second.iterator.next()).rejects.toMatchObject(busy)
    expect(second.remaining()).toEqual([2])
  })

  it.each<[string, (first: ReturnType<typeof sourceOf>) => Promise<unknown>]>([
    ['was left', ({ iterator }) => Promise.resolve(iterator.return?.())],
    ['has ended', ({ iterator, finish }) => Promise.all([iterator.next(), settle().then(finish)])],
  ])('a second iterator can read when the first %s', async (_, finishFirst) => {
    const [first, second] = createTwo()
    first.put(1)
    second.put(2)
    await first.iterator.next()
    await finishFirst(first)
    expect(await second.iterator.next()).toEqual(value(2))
  })

  it('a second iterator can read when the first has failed, and then the first is rejected', async () => {
    const lock = new IteratorLock()
    const first = sourceOf({
      lock,
      nextValue: () => {
        throw new Error('denied')
      },
    })
    const second = sourceOf({ lock })
    second.put(1)
    await expect(first.iterator.next()).rejects.toThrow('denied')
    expect(await second.iterator.next()).toEqual(value(1))
    await expect(first.iterator.next()).rejects.toMatchObject(busy)
    expect(await first.iterator.return?.()).toEqual(END)
    expect(first.log).toEqual([])
    second.put(2)
    expect(await second.iterator.next()).toEqual(value(2))
  })

  it('a second iterator ends too while the first is waiting for the last save', async () => {
    const lock = new IteratorLock()
    let save = () => {}
    const saved = new Promise<void>((resolve) => {
      save = resolve
    })
    const ending = { lock, wait: async () => false, onEnd: () => saved }
    const [first, second] = [sourceOf(ending), sourceOf(ending)]
    const ends = [first.iterator.next()]
    await settle()
    ends.push(second.iterator.next())
    save()
    expect(await Promise.all(ends)).toEqual([END, END])
  })

  it('return() of an iterator that was never read does not affect the other', async () => {
    const [first, second] = createTwo()
    first.put(1)
    await first.iterator.next()
    await second.iterator.return?.()
    expect(second.log).toEqual([])
  })
})
