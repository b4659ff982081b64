import { describe, expect, it } from 'vitest'
import { IteratorLock, type IteratorSource, iterate } from '../../../src/stream/record-iterator.ts'

const END = { value: undefined, done: true }
const value = (number: number) => ({ value: number, done: false })

/** A source of numbers that are put into it, and a log of what the iterator asked of it. */
function sourceOf(more: Partial<IteratorSource<number>> = {}) {
  const numbers: number[] = []
  const log: string[] = []
  let wake = () => {}
  let isEnded = false
  const source: IteratorSource<number> = {
    lock: new IteratorLock(),
    nextValue: () => numbers.shift(),
    wait: (left) => {
      log.push('wait')
      return new Promise((resolve) => {
        wake = () => resolve(!isEnded)
        left.addEventListener('abort', () => resolve(true), { once: true })
      })
    },
    onEnd: async () => void log.push('end'),
    onReturn: async () => void log.push('leave'),
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

it('values that are there are returned without waiting, one after the other', async () => {
  const { iterator, put, log } = sourceOf()
  put(1, 2, 3)
  for (const number of [1, 2, 3]) expect(await iterator.next()).toEqual(value(number))
  expect(log).toEqual([])
})

it('a call that waits gets the next value', async () => {
  const { iterator, put } = sourceOf()
  const call = iterator.next()
  await settle()
  put(1)
  expect(await call).toEqual(value(1))
})

it('the end comes once, and to every call from then on', async () => {
  const { iterator, log, finish } = sourceOf()
  const call = iterator.next()
  await settle()
  finish()
  expect(await call).toEqual(END)
  expect(await iterator.next()).toEqual(END)
  expect(log.filter((entry) => entry === 'end')).toEqual(['end'])
})

it('return() ends the call that waits, which takes no value any more', async () => {
  const { iterator, put, log, left } = sourceOf()
  const call = iterator.next()
  await settle()
  expect(await iterator.return?.()).toEqual(END)
  put(1, 2)
  expect(await call).toEqual(END)
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

it('an error of wait() or end() is that of the call that met it', async () => {
  const failing = sourceOf({ wait: () => Promise.reject(new Error('cannot wait')) })
  await expect(failing.iterator.next()).rejects.toThrow('cannot wait')
  const ending = sourceOf({
    wait: async () => false,
    onEnd: () => Promise.reject(new Error('cannot save')),
  })
  await expect(ending.iterator.next()).rejects.toThrow('cannot save')
  expect(await ending.iterator.next()).toEqual(END)
})

it('an error of leave() is that of return(), and the iterator is over all the same', async () => {
  const { iterator, put } = sourceOf({ onReturn: () => Promise.reject(new Error('cannot save')) })
  put(1)
  await iterator.next()
  await expect(iterator.return?.()).rejects.toThrow('cannot save')
  expect(await iterator.next()).toEqual(END)
})

it('the iterator is its own iterable, as those of generators are', () => {
  const { iterator } = sourceOf()
  expect(iterator[Symbol.asyncIterator]()).toBe(iterator)
})

describe('one iterator reads at a time:', () => {
  const busy = { code: 'stream.busy' }

  /** Two iterators of one stream. */
  const two = () => {
    const lock = new IteratorLock()
    return [sourceOf({ lock }), sourceOf({ lock })] as const
  }

  it('a call while one is pending is refused, and takes nothing from the one that waits', async () => {
    const { iterator, put, left } = sourceOf()
    const call = iterator.next()
    await expect(iterator.next()).rejects.toMatchObject(busy)
    put(1, 2)
    expect(await call).toEqual(value(1))
    expect(left()).toEqual([2])
  })

  it('workers of a pool that share an iterator are refused at once, though there are values for all', async () => {
    const { iterator, put } = sourceOf()
    put(1, 2, 3)
    const calls = await Promise.allSettled([iterator.next(), iterator.next(), iterator.next()])
    expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  })

  it('a second one is refused from the first call of the other on', async () => {
    const [first, second] = two()
    first.put(1)
    second.put(2)
    await first.iterator.next()
    await expect(second.iterator.next()).rejects.toMatchObject(busy)
    expect(second.left()).toEqual([2])
  })

  it.each<[string, (first: ReturnType<typeof sourceOf>) => Promise<unknown>]>([
    ['was left', ({ iterator }) => Promise.resolve(iterator.return?.())],
    ['has ended', ({ iterator, finish }) => Promise.all([iterator.next(), settle().then(finish)])],
  ])('a second one reads when the first %s', async (_, leave) => {
    const [first, second] = two()
    first.put(1)
    second.put(2)
    await first.iterator.next()
    await leave(first)
    expect(await second.iterator.next()).toEqual(value(2))
  })

  it('a second one reads when the first has failed, and then the first is refused', async () => {
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

  it('a second one is told the end, too, while the first one waits for the last save', async () => {
    const lock = new IteratorLock()
    let save = () => {}
    const saved = new Promise<void>((resolve) => {
      save = resolve
    })
    const ending = { lock, wait: async () => false, end: () => saved }
    const [first, second] = [sourceOf(ending), sourceOf(ending)]
    const ends = [first.iterator.next()]
    await settle()
    ends.push(second.iterator.next())
    save()
    expect(await Promise.all(ends)).toEqual([END, END])
  })

  it('return() of one that never began leaves the other alone', async () => {
    const [first, second] = two()
    first.put(1)
    await first.iterator.next()
    await second.iterator.return?.()
    expect(second.log).toEqual([])
  })
})
