import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { RecordContext } from '../../../src/processing/handler.ts'
import { RejectError } from '../../../src/processing/reject-error.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { attemptsWith, firstAttemptAt, target } from './attempt-subject.ts'

const handled = { kind: 'record', outcome: { result: 'handled' } }
const failedWith = (error: unknown) => ({
  kind: 'record',
  outcome: { result: 'failed', error, isReported: false },
})
const rejectedFor = (reason: string) => ({
  kind: 'record',
  outcome: { result: 'rejected', reason, error: expect.any(Error) },
})

const error = new Error('The database is down.')
const frozen = Object.freeze({ code: 'E_FROZEN' })
/** Every access to a property of it throws. */
const unreadable = new Proxy(
  {},
  new Proxy(
    {},
    {
      get: () => () => {
        throw new Error('This proxy cannot be read.')
      },
    },
  ),
)

const endings: readonly [what: string, handler: () => unknown, outcome: object][] = [
  ['returns nothing', () => undefined, handled],
  ['returns a value', () => 5, handled],
  ['returns an object', () => ({ batchItemFailures: [{ itemIdentifier: '1' }] }), handled],
  ['returns a promise that is fulfilled', async () => 'ok', handled],
  ['throws', () => throwing(error), failedWith(error)],
  ['returns a promise that is rejected', () => Promise.reject(error), failedWith(error)],
  ['returns a promise of a promise that is rejected', async () => Promise.reject(error), failedWith(error)],
  ['throws undefined', () => throwing(undefined), failedWith(undefined)],
  ['rejects with undefined', () => Promise.reject(undefined), failedWith(undefined)],
  ['throws null', () => throwing(null), failedWith(null)],
  ['throws a string', () => throwing('no'), failedWith('no')],
  ['throws a frozen object', () => throwing(frozen), failedWith(frozen)],
  ['returns a thenable that is fulfilled', () => thenable((resolve) => resolve(1)), handled],
  [
    'returns a thenable that settles twice',
    () =>
      thenable((resolve, reject) => {
        resolve(1)
        reject(error)
        resolve(2)
      }),
    handled,
  ],
  [
    'returns a thenable that throws after it is fulfilled',
    () =>
      thenable((resolve) => {
        resolve(1)
        throw error
      }),
    handled,
  ],
  ['returns a thenable that throws', () => thenable(() => throwing(error)), failedWith(error)],
  [
    'returns an object whose property then cannot be read',
    () =>
      Object.defineProperty({}, 'then', {
        get: () => throwing(error),
      }),
    failedWith(error),
  ],
  [
    'returns a promise that starts when then is called',
    () => new LazyPromise(() => throwing(error)),
    failedWith(error),
  ],
]

function throwing(value: unknown): never {
  throw value
}

function thenable(
  then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void,
): object {
  return { then }
}

/** Like p-lazy: it runs its function when `then` is called for the first time. */
class LazyPromise extends Promise<unknown> {
  readonly #run: () => unknown
  constructor(run: () => unknown) {
    super(() => {})
    this.#run = run
  }
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }
  // biome-ignore lint/suspicious/noThenProperty: the class overrides the method on purpose.
  override then<A, B>(
    onFulfilled?: ((value: unknown) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return new Promise((resolve) => resolve(this.#run())).then(onFulfilled, onRejected)
  }
}

describe('an attempt of a record handler', () => {
  it.each(endings)(
    'a handler that %s has one outcome, which is never reported synchronously',
    async (_, handler, expected) => {
      const { start } = attemptsWith(handler)
      const { outcomes } = start(target(1))
      expect(outcomes).toEqual([])
      await setImmediate()
      expect(outcomes).toEqual([expected])
    },
  )

  it('a handler that throws a proxy that cannot be read fails with that proxy', async () => {
    const outcome = await attemptsWith(() => throwing(unreadable)).run(target(1))
    const { error: thrown } = (outcome as ReturnType<typeof failedWith>).outcome
    expect(thrown === unreadable).toBe(true)
  })

  it('a handler whose thenable never settles has no outcome', async () => {
    const { start, clock } = attemptsWith(() => thenable(() => {}))
    const attempt = start(target(1))
    await clock.advance(3_600_000)
    expect(attempt.outcomes).toEqual([])
    expect(attempt.abandoned).toEqual([])
  })

  it('a handler receives the record and the facts about the attempt', async () => {
    const seen: unknown[] = []
    const { run } = attemptsWith((record: StreamRecord, context: RecordContext) => {
      // Handlers destructure their context.
      const { attempt, firstAttemptAt, shardId, sequenceNumber, signal, epoch } = context
      seen.push(record, { attempt, firstAttemptAt, shardId, sequenceNumber, epoch }, signal.aborted)
    })
    const attempted = target(5, { attempt: 3, firstAttemptAt: firstAttemptAt + 1 })
    await run(attempted)
    expect(seen).toEqual([
      attempted.record,
      {
        attempt: 3,
        firstAttemptAt: new Date(firstAttemptAt + 1),
        shardId: 'shardId-1',
        sequenceNumber: '5',
        epoch: 7,
      },
      false,
    ])
    expect(seen[0]).toBe(attempted.record)
  })

  it('context.signal is the same signal each time it is read', async () => {
    const signals: AbortSignal[] = []
    await attemptsWith((_: StreamRecord, context: RecordContext) => {
      signals.push(context.signal, context.signal)
    }).run(target(1))
    expect(signals[0]).toBe(signals[1])
  })

  it('console.log of a context shows the facts about the attempt', async () => {
    const shown: string[] = []
    await attemptsWith((_: StreamRecord, context: RecordContext) => {
      shown.push(inspect(context))
    }).run(target(5, { attempt: 3 }))
    expect(shown).toEqual([expect.stringMatching(/attempt: 3,.*sequenceNumber: '5',.*epoch: 7/s)])
  })

  it('no records, and two records for a handler of one record, are refused at once', () => {
    expect(() => attemptsWith(() => {}).start(target(1), target(2))).toThrow(RangeError)
    expect(() => attemptsWith({ tasks: { index() {} } }).start(target(1), target(2))).toThrow(RangeError)
    expect(() => attemptsWith({ batch() {} }).start()).toThrow(RangeError)
  })
})

describe('rejecting a record', () => {
  it('context.reject ends the handler and rejects the record with the reason', async () => {
    let isReached = false
    const { run } = attemptsWith((_: StreamRecord, { reject }: RecordContext) => {
      reject('The order is malformed.')
      isReached = true
    })
    expect(await run(target(1))).toEqual(rejectedFor('The order is malformed.'))
    expect(isReached).toBe(false)
  })

  it('a record is rejected even if the handler catches the error of context.reject and succeeds', async () => {
    const { run } = attemptsWith(async (_: StreamRecord, context: RecordContext) => {
      await Promise.resolve()
      try {
        context.reject('first')
      } catch {}
      try {
        context.reject('second')
      } catch {}
    })
    expect(await run(target(1))).toEqual(rejectedFor('first'))
  })

  it('a record is rejected even if the handler replaces the error of context.reject by another one', async () => {
    const { run } = attemptsWith((_: StreamRecord, context: RecordContext) => {
      try {
        context.reject('bad')
      } catch {
        throw error
      }
    })
    expect(await run(target(1))).toEqual(rejectedFor('bad'))
  })

  it('a RejectError that is thrown by deep code rejects the record and keeps its cause', async () => {
    const rejection = new RejectError('bad', { cause: error })
    const outcome = await attemptsWith(async () => {
      await Promise.reject(rejection)
    }).run(target(1))
    expect(outcome).toEqual({
      kind: 'record',
      outcome: { result: 'rejected', reason: 'bad', error: rejection },
    })
    expect(rejection.cause).toBe(error)
    expect(String(rejection)).toBe('RejectError: bad')
  })

  it('a RejectError of another copy of the package rejects the record', async () => {
    const copy = Object.assign(new Error('bad'), { name: 'RejectError' })
    expect(await attemptsWith(() => throwing(copy)).run(target(1))).toEqual(rejectedFor('bad'))
  })

  it('an error that mentions RejectError only in its message or its cause does not reject the record', async () => {
    for (const other of [new Error('RejectError'), new Error('x', { cause: new RejectError('bad') })]) {
      expect(await attemptsWith(() => throwing(other)).run(target(1))).toEqual(failedWith(other))
    }
  })

  it('context.reject after the end of the attempt throws and changes nothing', async () => {
    let late: RecordContext | undefined
    const { run } = attemptsWith((_: StreamRecord, context: RecordContext) => {
      late = context
    })
    expect(await run(target(1))).toEqual(handled)
    expect(() => late?.reject('late')).toThrow(RejectError)
  })
})

describe('the timeout of a handler', () => {
  const timeout = expect.objectContaining({
    name: 'TimeoutError',
    message: 'The handler did not finish within 1000 ms.',
  })
  const never = () => new Promise(() => {})

  it('the signal aborts at handlerTimeoutMs, and not before', async () => {
    let signal: AbortSignal | undefined
    const { start, clock } = attemptsWith(
      (_: StreamRecord, context: RecordContext) => {
        signal = context.signal
        return never()
      },
      { handlerTimeoutMs: 1_000 },
    )
    const { outcomes } = start(target(1))
    await clock.advance(999)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(signal?.aborted).toBe(true)
    expect(signal?.reason).toEqual(timeout)
    expect(outcomes).toEqual([])
  })

  it('a signal that is read only after the timeout is aborted already', async () => {
    let context: RecordContext | undefined
    const { start, clock } = attemptsWith(
      (_: StreamRecord, given: RecordContext) => {
        context = given
        return never()
      },
      { handlerTimeoutMs: 1_000 },
    )
    start(target(1))
    await clock.advance(1_000)
    expect(context?.signal.aborted).toBe(true)
    expect(context?.signal.reason).toEqual(timeout)
  })

  it('without handlerTimeoutMs, the signal never aborts by itself and no timer is set', async () => {
    const { start, clock } = attemptsWith(never)
    start(target(1))
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a handler that succeeds after the timeout has handled its record', async () => {
    let finish: (() => void) | undefined
    const { start, clock } = attemptsWith(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
      { handlerTimeoutMs: 1_000, abandonAfterMs: 500 },
    )
    const { outcomes, abandoned } = start(target(1))
    await clock.advance(10_000)
    expect(outcomes).toEqual([])
    finish?.()
    await setImmediate()
    expect(outcomes).toEqual([handled])
    expect(abandoned).toEqual([1_500])
  })

  it.each<[string, (signal: AbortSignal) => unknown]>([
    ['the reason of the signal', (signal) => signal.reason],
    [
      'an AbortError, like the AWS SDK',
      () => Object.assign(new Error('Request aborted'), { name: 'AbortError' }),
    ],
  ])('a handler that rejects with %s after the timeout fails with the timeout', async (_, errorFor) => {
    const { start, clock } = attemptsWith(
      (_: StreamRecord, { signal }: RecordContext) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(errorFor(signal)))
        }),
      { handlerTimeoutMs: 1_000 },
    )
    const { outcomes, abandoned } = start(target(1))
    await clock.advance(1_000)
    expect(outcomes).toEqual([failedWith(timeout)])
    await clock.advance(60_000)
    expect(abandoned).toEqual([])
  })

  it('a handler that fails with an error of its own after the timeout fails with that error', async () => {
    const { start, clock } = attemptsWith(
      (_: StreamRecord, { signal }: RecordContext) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(error))
        }),
      { handlerTimeoutMs: 1_000 },
    )
    const { outcomes } = start(target(1))
    await clock.advance(1_000)
    expect(outcomes).toEqual([failedWith(error)])
  })

  it('an AbortError without a timeout is an error like any other', async () => {
    const abortError = Object.assign(new Error('aborted'), { name: 'AbortError' })
    const { run } = attemptsWith(() => throwing(abortError), { handlerTimeoutMs: 1_000 })
    expect(await run(target(1))).toEqual(failedWith(abortError))
  })

  it('a record that is rejected after the timeout is rejected', async () => {
    const { start, clock } = attemptsWith(
      async (_: StreamRecord, context: RecordContext) => {
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
        context.reject('too large')
      },
      { handlerTimeoutMs: 1_000 },
    )
    const { outcomes } = start(target(1))
    await clock.advance(1_000)
    expect(outcomes).toEqual([rejectedFor('too large')])
  })

  it('each attempt times out at its own time, and one timer serves all of them', async () => {
    const contexts = new Map<string, RecordContext>()
    const { start, clock } = attemptsWith(
      (record: StreamRecord, context: RecordContext) => {
        contexts.set(record.sequenceNumber, context)
        return record.sequenceNumber === '2' ? undefined : never()
      },
      { handlerTimeoutMs: 1_000, abandonAfterMs: 100 },
    )
    let timers = 0
    const setTimer = clock.setTimer.bind(clock)
    clock.setTimer = (...parameters) => {
      timers++
      return setTimer(...parameters)
    }
    const attempts = []
    for (const number of [1, 2, 3, 4]) {
      attempts.push(start(target(number)))
      await clock.advance(10)
    }
    expect(timers).toBe(1)
    const aborted = () => [...contexts].filter(([, { signal }]) => signal.aborted).map(([number]) => number)
    await clock.advance(960)
    expect(aborted()).toEqual(['1'])
    await clock.advance(19)
    expect(aborted()).toEqual(['1'])
    await clock.advance(1)
    expect(aborted()).toEqual(['1', '3'])
    await clock.advance(10)
    expect(aborted()).toEqual(['1', '3', '4'])
    await clock.advance(1_000)
    expect(attempts.map(({ abandoned }) => abandoned)).toEqual([[1_100], [], [1_100], [1_100]])
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a listener of abandoned attempts that throws does not keep the others from being reported', async () => {
    const { attempts, clock } = attemptsWith(never, { handlerTimeoutMs: 1_000, abandonAfterMs: 100 })
    let reports = 0
    const listener = {
      ended: () => {},
      abandoned: () => {
        reports++
        if (reports === 1) throw error
      },
    }
    attempts.start([target(1)], undefined, listener)
    attempts.start([target(2)], undefined, listener)
    await expect(clock.advance(1_100)).rejects.toBe(error)
    await clock.advance(1)
    expect(reports).toBe(2)
  })

  it('after close, running attempts still end but no longer time out', async () => {
    let context: RecordContext | undefined
    let finish: (() => void) | undefined
    const { start, attempts, clock } = attemptsWith(
      (_: StreamRecord, given: RecordContext) => {
        context = given
        return new Promise<void>((resolve) => {
          finish = resolve
        })
      },
      { handlerTimeoutMs: 1_000 },
    )
    const { outcomes } = start(target(1))
    attempts.close()
    expect(clock.untilNextTimer).toBeUndefined()
    finish?.()
    await setImmediate()
    expect(context?.signal.aborted).toBe(false)
    expect(outcomes).toEqual([handled])
  })
})

describe('an attempt that its caller aborts', () => {
  const stopped = new Error('The run was stopped.')

  it('abort aborts the signal with the reason, and the attempt still ends once', async () => {
    const { start } = attemptsWith(
      (_: StreamRecord, { signal }: RecordContext) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
    )
    const attempt = start(target(1))
    attempt.abort(stopped)
    expect(attempt.outcomes).toEqual([])
    attempt.abort(new Error('again'))
    await setImmediate()
    expect(attempt.outcomes).toEqual([failedWith(stopped)])
  })

  it('an aborted attempt no longer times out and is not reported as abandoned', async () => {
    let context: RecordContext | undefined
    const { start, clock } = attemptsWith(
      (_: StreamRecord, given: RecordContext) => {
        context = given
        return new Promise(() => {})
      },
      { handlerTimeoutMs: 1_000 },
    )
    const attempt = start(target(1))
    attempt.abort(stopped)
    await clock.advance(60_000)
    expect(context?.signal.reason).toBe(stopped)
    expect(attempt.abandoned).toEqual([])
  })

  it('the reason of a timeout is kept when the caller aborts later, and the attempt is not abandoned', async () => {
    let context: RecordContext | undefined
    const { start, clock } = attemptsWith(
      (_: StreamRecord, given: RecordContext) => {
        context = given
        return new Promise(() => {})
      },
      { handlerTimeoutMs: 1_000, abandonAfterMs: 2_000 },
    )
    const attempt = start(target(1))
    await clock.advance(1_500)
    attempt.abort(stopped)
    await clock.advance(60_000)
    expect(context?.signal.reason).toMatchObject({ name: 'TimeoutError' })
    expect(attempt.abandoned).toEqual([])
  })
})

describe('an attempt of tasks', () => {
  it('all unfinished tasks run concurrently, and the attempt ends when all have settled', async () => {
    const started: string[] = []
    const pending = new Map<string, PromiseWithResolversLike>()
    const task = (name: string) => () => {
      started.push(name)
      const deferred = withResolvers()
      pending.set(name, deferred)
      return deferred.promise
    }
    const { start } = attemptsWith({ tasks: { index: task('index'), mail: task('mail'), old: task('old') } })
    const { outcomes } = start(target(1, { finishedTasks: ['old', 'removed'] }))
    expect(started).toEqual(['index', 'mail'])
    pending.get('mail')?.reject(error)
    await setImmediate()
    expect(outcomes).toEqual([])
    pending.get('index')?.resolve()
    await setImmediate()
    expect(outcomes).toEqual([
      {
        kind: 'record',
        outcome: {
          result: 'tasks',
          tasks: [
            { task: 'index', result: 'handled' },
            { task: 'mail', result: 'failed', error, isReported: false },
          ],
        },
      },
    ])
  })

  it('a task that throws synchronously does not keep the later tasks from running', async () => {
    const outcome = await attemptsWith({ tasks: { first: () => throwing(error), second: () => 1 } }).run(
      target(1),
    )
    expect(outcome).toMatchObject({
      outcome: {
        tasks: [
          { task: 'first', result: 'failed', error },
          { task: 'second', result: 'handled' },
        ],
      },
    })
  })

  it('context.reject in a task rejects only that task', async () => {
    const { run } = attemptsWith({
      tasks: {
        index: (_: StreamRecord, { reject }: RecordContext) => reject('bad'),
        mail: async () => {},
      },
    })
    expect(await run(target(1))).toMatchObject({
      outcome: {
        result: 'tasks',
        tasks: [
          { task: 'index', result: 'rejected', reason: 'bad' },
          { task: 'mail', result: 'handled' },
        ],
      },
    })
  })

  it('a timeout aborts the one signal of all tasks, and those that had succeeded stay handled', async () => {
    const signals: AbortSignal[] = []
    const { start, clock } = attemptsWith(
      {
        tasks: {
          quick: (_: StreamRecord, { signal }: RecordContext) => {
            signals.push(signal)
          },
          slow: (_: StreamRecord, { signal }: RecordContext) => {
            signals.push(signal)
            return new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason))
            })
          },
        },
      },
      { handlerTimeoutMs: 1_000 },
    )
    const { outcomes } = start(target(1))
    await clock.advance(1_000)
    expect(signals[0]).toBe(signals[1])
    expect(outcomes).toMatchObject([
      {
        outcome: {
          tasks: [
            { task: 'quick', result: 'handled' },
            { task: 'slow', result: 'failed', error: { name: 'TimeoutError' } },
          ],
        },
      },
    ])
  })

  it('a task keeps the object of tasks as this', async () => {
    const tasks = {
      written: 0,
      index() {
        this.written++
      },
    }
    Object.defineProperty(tasks, 'written', { enumerable: false })
    await attemptsWith({ tasks }).run(target(1))
    expect(tasks.written).toBe(1)
  })

  it('a record whose tasks have all succeeded ends without a call', async () => {
    const { run } = attemptsWith({ tasks: { index: () => throwing(error) } })
    expect(await run(target(1, { finishedTasks: ['index'] }))).toEqual({
      kind: 'record',
      outcome: { result: 'tasks', tasks: [] },
    })
  })
})

interface PromiseWithResolversLike {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

function withResolvers(): PromiseWithResolversLike {
  let resolve = (): void => {}
  let reject = (_error: unknown): void => {}
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
