import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { BatchContext } from '../../../src/processing/handler.ts'
import { RejectError } from '../../../src/processing/reject-error.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { attemptsWith, target } from './attempt-subject.ts'

type Batch = (records: StreamRecord[], context: BatchContext) => unknown

const error = new Error('The database is down.')
const named = (failed: string[], rejected: [string, string][] = [], invalid: [string, string][] = []) => ({
  kind: 'named',
  failed: new Set(failed),
  rejected: new Map(rejected),
  invalid: new Map(invalid),
})
const failures = (...identifiers: unknown[]) => ({
  batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })),
})
const batchOf = (batch: Batch) => attemptsWith({ batch })
const two = [target(1), target(2)] as const

describe('the response of a batch of two or more records', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an object without a list', {}],
    ['an empty list', { batchItemFailures: [] }],
    ['null instead of a list', { batchItemFailures: null }],
  ])('a handler that returns %s has handled the whole batch', async (_, response) => {
    expect(await batchOf(() => response).run(...two)).toEqual(named([]))
    expect(await batchOf(async () => response).run(...two)).toEqual(named([]))
  })

  it('the records that a response names have failed, and a name may be repeated', async () => {
    expect(await batchOf(async () => failures('2', '2')).run(...two, target(3))).toEqual(named(['2']))
  })

  it.each<[string, unknown]>([
    ['names an unknown record', failures('1', '99')],
    ['contains an empty identifier', failures('')],
    ['contains a null identifier', failures(null)],
    ['contains a number as identifier', failures(1)],
    ['contains an item without identifier', { batchItemFailures: [{ ItemIdentifier: '1' }] }],
    ['contains null instead of an item', { batchItemFailures: [null] }],
    ['contains a string instead of an item', { batchItemFailures: ['1'] }],
    ['has a hole in its list', { batchItemFailures: new Array(1) }],
    ['has an object instead of a list', { batchItemFailures: { itemIdentifier: '1' } }],
    ['has a string instead of a list', { batchItemFailures: '1' }],
  ])('a response that %s fails the whole batch with an error that shows no values', async (_, response) => {
    const outcome = await batchOf(() => response).run(...two)
    expect(outcome).toMatchObject({ kind: 'batchFailed', error: expect.any(TypeError) })
    expect(String((outcome as { error: unknown }).error)).toMatch(
      /^TypeError: The batch handler returned an invalid response: batchItemFailures[^"'9]*\.$/,
    )
  })

  it.each<[string, unknown, string]>([
    ['a string', 'ok', 'it must return { batchItemFailures } or nothing, not a string'],
    ['an array', [undefined], 'it must return { batchItemFailures } or nothing, not an array'],
    ['true', true, 'it must return { batchItemFailures } or nothing, not a boolean'],
    ['a misspelled list', { batchItemFailure: [] }, 'it is an object without batchItemFailures'],
    ['the response of another service', { statusCode: 200 }, 'it is an object without batchItemFailures'],
  ])(
    'a handler that returns %s has failed, because it may have named records',
    async (_, response, problem) => {
      const outcome = await batchOf(() => response).run(...two)
      expect(outcome).toMatchObject({ kind: 'batchFailed', error: expect.any(TypeError) })
      expect(String((outcome as { error: unknown }).error)).toContain(`invalid response: ${problem}.`)
    },
  )

  it('a response whose properties throw fails the whole batch with that error', async () => {
    const response = {
      get batchItemFailures() {
        throw error
      },
    }
    expect(await batchOf(() => response).run(...two)).toMatchObject({ kind: 'batchFailed', error })
  })

  it('a handler that throws, or rejects, fails the whole batch', async () => {
    const expected = { kind: 'batchFailed', error, rejected: new Map(), invalid: new Map() }
    const throwing = () => {
      throw error
    }
    expect(await batchOf(throwing).run(...two)).toEqual(expected)
    expect(await batchOf(async () => throwing()).run(...two)).toEqual(expected)
  })

  it('a RejectError fails a batch of two, because the rejected record is unknown', async () => {
    const rejection = new RejectError('bad')
    const outcome = await batchOf(async () => Promise.reject(rejection)).run(...two)
    expect(outcome).toMatchObject({ kind: 'batchFailed', error: rejection, rejected: new Map() })
  })

  it.each([
    ['the reason of the signal', (signal: AbortSignal) => signal.reason],
    ['an AbortError, like the AWS SDK', () => Object.assign(new Error('aborted'), { name: 'AbortError' })],
  ])('a batch that rejects with %s after its timeout fails with the timeout', async (_, errorFor) => {
    const batch = (_records: unknown, { signal }: BatchContext) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(errorFor(signal)))
      })
    const { start, clock } = attemptsWith({ batch }, { handlerTimeoutMs: 1_000 })
    const { outcomes } = start(...two)
    await clock.advance(1_000)
    expect(outcomes).toMatchObject([{ kind: 'batchFailed', error: { name: 'TimeoutError' } }])
  })
})

describe('the context of a batch', () => {
  it('attemptOf returns the number of the attempt for each record, and can be destructured', async () => {
    const seen: unknown[] = []
    const { run } = batchOf((records, { attemptOf, shardId, epoch, signal }) => {
      seen.push(records.map(attemptOf), shardId, epoch, signal.aborted)
    })
    await run(target(1, { attempt: 4 }), target(2))
    expect(seen).toEqual([[4, 1], 'shardId-1', 7, false])
  })

  it('console.log of the context shows the shard and the epoch', async () => {
    const shown: string[] = []
    const { run } = batchOf((_, context) => {
      shown.push(inspect(context))
    })
    await run(target(1), target(2))
    expect(shown).toEqual([expect.stringMatching(/shardId: 'shardId-1',.*epoch: 7/s)])
  })

  it('reject marks a record and returns, and the first reason counts', async () => {
    const { run } = batchOf(([first, second], { reject }) => {
      if (!first || !second) return
      reject(second, 'bad')
      reject(second, 'worse')
      return failures(first.sequenceNumber)
    })
    expect(await run(...two)).toEqual(named(['1'], [['2', 'bad']]))
  })

  it('a record that is both rejected and named is rejected', async () => {
    const { run } = batchOf(([first], { reject }) => {
      if (first) reject(first, 'bad')
      return failures('1', '2')
    })
    expect(await run(...two)).toEqual(named(['2'], [['1', 'bad']]))
  })

  it('a record stays rejected when the handler throws afterwards', async () => {
    const { run } = batchOf(([first], { reject }) => {
      if (first) reject(first, 'bad')
      throw error
    })
    expect(await run(...two)).toMatchObject({ kind: 'batchFailed', error, rejected: new Map([['1', 'bad']]) })
  })

  it('a wrapped record is found by its sequence number', async () => {
    const { run } = batchOf(([first], { reject }) => {
      if (first) reject(new Proxy(first, { get: (record, name) => Reflect.get(record, name) }), 'bad')
    })
    expect(await run(...two)).toEqual(named([], [['1', 'bad']]))
  })

  it.each<[string, unknown]>([
    ['a record of another batch', target(9).record],
    ['undefined', undefined],
    ['a sequence number', '1'],
    ['an empty object', {}],
  ])('attemptOf and reject throw a TypeError for %s', async (_, stranger) => {
    const errors: unknown[] = []
    const { run } = batchOf((_records, context) => {
      for (const call of [context.attemptOf, context.reject]) {
        try {
          call(stranger as StreamRecord, 'bad')
        } catch (error) {
          errors.push(error)
        }
      }
    })
    expect(await run(...two)).toEqual(named([]))
    expect(errors).toEqual([expect.any(TypeError), expect.any(TypeError)])
  })

  it('reject throws after the batch has ended, and the outcome does not change', async () => {
    let rejectLate: (() => void) | undefined
    const { run } = batchOf(([first], { reject }) => {
      rejectLate = () => first && reject(first, 'late')
    })
    const outcome = await run(...two)
    expect(rejectLate).toThrow('The record cannot be rejected, because the batch handler has returned.')
    expect(outcome).toEqual(named([]))
  })

  it('a handler that empties its array does not change the outcome', async () => {
    const { run } = batchOf((records, { reject }) => {
      const [first, second] = records.splice(0)
      if (first) reject(first, 'bad')
      return failures(second?.sequenceNumber)
    })
    expect(await run(...two)).toEqual(named(['2'], [['1', 'bad']]))
  })

  it('a batch handler keeps this, and its method is called once per batch', async () => {
    class Writer {
      readonly client = {}
      readonly batchSize = 2
      #calls = 0
      get calls(): number {
        return this.#calls
      }
      batch(): void {
        this.#calls++
      }
    }
    const writer = new Writer()
    await attemptsWith(writer).run(...two)
    expect(writer.calls).toBe(1)
  })
})

describe('a batch of one record', () => {
  const run = (batch: Batch) => batchOf(batch).run(target(1))

  it('a batch of one has the outcome of its record', async () => {
    expect(await run(() => undefined)).toEqual({ kind: 'record', outcome: { result: 'handled' } })
  })

  it('a named record has failed without an error', async () => {
    expect(await run(() => failures('1'))).toEqual({
      kind: 'record',
      outcome: { result: 'failed', error: undefined, isReported: true },
    })
  })

  it('a batch of one that throws has failed with the error', async () => {
    expect(await run(() => Promise.reject(error))).toEqual({
      kind: 'record',
      outcome: { result: 'failed', error, isReported: false },
    })
  })

  it('a malformed response is a failure with an error', async () => {
    expect(await run(() => failures('2'))).toEqual({
      kind: 'record',
      outcome: { result: 'failed', error: expect.any(TypeError), isReported: false },
    })
  })

  it('a record is rejected by context.reject, whatever the handler does then', async () => {
    const expected = { kind: 'record', outcome: { result: 'rejected', reason: 'bad' } }
    const rejecting =
      (then: () => unknown): Batch =>
      ([record], context) => {
        if (record) context.reject(record, 'bad')
        return then()
      }
    expect(await run(rejecting(() => undefined))).toEqual(expected)
    expect(await run(rejecting(() => failures('1')))).toEqual(expected)
    expect(await run(rejecting(() => Promise.reject(error)))).toEqual(expected)
  })

  it('a RejectError rejects the record', async () => {
    const rejection = new RejectError('bad')
    expect(await run(() => Promise.reject(rejection))).toEqual({
      kind: 'record',
      outcome: { result: 'rejected', reason: 'bad', error: rejection },
    })
  })

  it('a batch of one whose handler ignores the timeout ends when its promise settles', async () => {
    let finish: ((response: unknown) => void) | undefined
    const { start, clock } = attemptsWith(
      {
        batch: () =>
          new Promise((resolve) => {
            finish = resolve
          }),
      },
      { handlerTimeoutMs: 1_000 },
    )
    const { outcomes, abandoned } = start(target(1))
    await clock.advance(60_000)
    expect(abandoned).toEqual([3_000])
    finish?.(failures('1'))
    await setImmediate()
    expect(outcomes).toMatchObject([{ outcome: { result: 'failed', isReported: true } }])
  })
})
