import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { memoryDestination } from '../../../src/destinations/memory.ts'
import { type DeadLetter, RejectError } from '../../../src/index.ts'
import { lambdaHandler } from '../../../src/lambda/index.ts'
import {
  atOnce,
  CREATED_AT,
  clockAt,
  contextOf,
  eventOf,
  eventWith,
  failedFrom,
  functionArn,
  lambdaRecord,
  noFailures,
  quiet,
  settled,
  streamArn,
  testLogger,
} from './support.ts'

describe('an invocation whose records are all handled', () => {
  test('returns no failures, and the handler has received each record with its context', async () => {
    const seen: unknown[] = []
    const handler = lambdaHandler(({ keys, newImage, eventName, createdAt }, context) => {
      const { attempt, sequenceNumber, shardId, epoch } = context
      seen.push({ keys, newImage, eventName, createdAt, attempt, sequenceNumber, shardId, epoch })
    })
    expect(await handler(eventOf('a'))).toEqual(noFailures)
    expect(seen).toEqual([
      {
        keys: { id: 'a' },
        newImage: { id: 'a', n: 1 },
        eventName: 'MODIFY',
        createdAt: new Date(CREATED_AT * 1000),
        attempt: 1,
        sequenceNumber: '1',
        shardId: 'unknown',
        epoch: undefined,
      },
    ])
  })

  test('returns no failures for an event without records', async () => {
    expect(await lambdaHandler(() => {})({ Records: [] })).toEqual(noFailures)
  })

  test('handles the records of a key in order and one at a time, and keys concurrently', async () => {
    const running = new Set<string>()
    const order: string[] = []
    let most = 0
    const handler = lambdaHandler(async ({ keys, sequenceNumber }) => {
      const key = String(keys.id)
      expect(running.has(key)).toBe(false)
      running.add(key)
      most = Math.max(most, running.size)
      await delay(1)
      order.push(`${key}${sequenceNumber}`)
      running.delete(key)
    })
    expect(await handler(eventOf('a', 'b', 'a', 'c', 'b', 'a'))).toEqual(noFailures)
    expect(order.filter((entry) => entry.startsWith('a'))).toEqual(['a1', 'a3', 'a6'])
    expect(order.filter((entry) => entry.startsWith('b'))).toEqual(['b2', 'b5'])
    expect(most).toBe(3)
  })

  test('runs no more handlers at a time than concurrency permits', async () => {
    let running = 0
    let most = 0
    const handler = lambdaHandler(
      async () => {
        most = Math.max(most, ++running)
        await delay(1)
        running--
      },
      { concurrency: 2 },
    )
    await handler(eventWith(10))
    expect(most).toBe(2)
  })

  test("handles one record at a time with order 'shard'", async () => {
    const order: string[] = []
    let running = 0
    const handler = lambdaHandler(
      async ({ sequenceNumber }) => {
        expect(++running).toBe(1)
        await delay(Number(sequenceNumber) % 2)
        order.push(sequenceNumber)
        running--
      },
      { order: 'shard' },
    )
    await handler(eventWith(5))
    expect(order).toEqual(['1', '2', '3', '4', '5'])
  })

  test("handles records of one key at the same time with order 'none'", async () => {
    let running = 0
    let most = 0
    const handler = lambdaHandler(
      async () => {
        most = Math.max(most, ++running)
        await delay(1)
        running--
      },
      { order: 'none' },
    )
    await handler(eventOf('a', 'a', 'a'))
    expect(most).toBe(3)
  })

  test('skips the records that filters or filter exclude', async () => {
    const seen: string[] = []
    const handler = lambdaHandler((record) => void seen.push(record.sequenceNumber), {
      filters: { dynamodb: { NewImage: { id: { S: ['a', 'b'] } } } },
      filter: ({ keys }) => keys.id !== 'b',
    })
    expect(await handler(eventOf('a', 'b', 'c', 'a'))).toEqual(noFailures)
    expect(seen).toEqual(['1', '4'])
  })
})

describe('a record that fails', () => {
  test('is attempted three times, and is then reported to Lambda', async () => {
    const attempts: number[] = []
    const handler = lambdaHandler(
      ({ keys }, { attempt }) => {
        if (keys.id !== 'b') return
        attempts.push(attempt)
        throw new Error('no')
      },
      { retry: atOnce, logger: quiet },
    )
    expect(await handler(eventOf('a', 'b', 'c'))).toEqual(failedFrom(2))
    expect(attempts).toEqual([1, 2, 3])
  })

  test('blocks the later records of its key only', async () => {
    const seen: string[] = []
    const handler = lambdaHandler(
      ({ keys, sequenceNumber }) => {
        seen.push(sequenceNumber)
        if (keys.id === 'b') throw new Error('no')
      },
      { retry: atOnce, logger: quiet },
    )
    expect(await handler(eventOf('a', 'b', 'c', 'b', 'a'))).toEqual(failedFrom(2))
    expect(new Set(seen)).toEqual(new Set(['1', '2', '3', '5']))
  })

  test("with onFirstFailure: 'stop', no other record is started", async () => {
    const seen: string[] = []
    const handler = lambdaHandler(
      ({ keys, sequenceNumber }) => {
        seen.push(sequenceNumber)
        if (keys.id === 'b') throw new Error('no')
      },
      { retry: { maxAttempts: 1 }, logger: quiet, onFirstFailure: 'stop', concurrency: 1 },
    )
    expect(await handler(eventOf('a', 'b', 'c', 'd'))).toEqual(failedFrom(2))
    expect(seen).toEqual(['1', '2'])
  })

  test("stops the invocation with order 'shard'", async () => {
    const seen: string[] = []
    const handler = lambdaHandler(
      ({ sequenceNumber }) => {
        seen.push(sequenceNumber)
        if (sequenceNumber === '2') throw new Error('no')
      },
      { order: 'shard', retry: atOnce, logger: quiet },
    )
    expect(await handler(eventWith(4))).toEqual(failedFrom(2))
    expect(seen).toEqual(['1', '2', '2', '2'])
  })

  test('succeeds if a later attempt does', async () => {
    const handler = lambdaHandler(
      (_, { attempt }) => {
        if (attempt < 3) throw new Error('not yet')
      },
      { retry: atOnce },
    )
    expect(await handler(eventWith(2))).toEqual(noFailures)
  })

  test('is reported by the lowest number if several have failed', async () => {
    const handler = lambdaHandler(
      async ({ sequenceNumber }) => {
        await delay(sequenceNumber === '3' ? 1 : 0)
        if (['3', '5'].includes(sequenceNumber)) throw new Error('no')
      },
      { retry: atOnce, logger: quiet },
    )
    expect(await handler(eventWith(6))).toEqual(failedFrom(3))
  })

  test('is logged with its error, at most 10 lines for each invocation', async () => {
    const logger = testLogger()
    const handler = lambdaHandler(
      ({ sequenceNumber }) => {
        if (sequenceNumber !== '1') throw new Error(`no ${sequenceNumber}`)
      },
      { retry: { ...atOnce, maxAttempts: 1 }, logger, concurrency: 1 },
    )
    await handler(eventWith(50))
    expect(logger.lines).toHaveLength(11)
    expect(logger.lines[0]).toEqual({
      message: 'Record 2 failed once; it is reported to Lambda.',
      error: new Error('no 2'),
    })
    expect(logger.lines[10]?.message).toBe('Further failures of this invocation are not logged.')
    await handler(eventWith(2))
    expect(logger.lines).toHaveLength(12)
  })

  test('makes the function throw if no record was settled', async () => {
    const cause = new Error('no')
    const handler = lambdaHandler(
      () => {
        throw cause
      },
      { retry: atOnce, logger: quiet },
    )
    await expect(handler(eventWith(2))).rejects.toMatchObject({
      code: 'handler.failed',
      cause,
      details: { shardId: 'unknown', sequenceNumber: '1', attempts: 3 },
    })
  })

  test('is reported even if no record was settled, with throwOnFullBatchFailure: false', async () => {
    const handler = lambdaHandler(
      () => {
        throw new Error('no')
      },
      { retry: atOnce, logger: quiet, throwOnFullBatchFailure: false },
    )
    expect(await handler(eventWith(2))).toEqual(failedFrom(1))
  })

  test('waits between its attempts, and lets other keys continue meanwhile', async () => {
    const clock = clockAt()
    const seen: string[] = []
    const handler = lambdaHandler(
      ({ sequenceNumber }, { attempt }) => {
        seen.push(`${sequenceNumber}#${attempt}`)
        if (sequenceNumber === '1' && attempt === 1) throw new Error('no')
      },
      { clock, concurrency: 1, retry: { minDelayMs: 1_000 }, random: () => 0.5 },
    )
    const response = handler(eventWith(3), contextOf(clock, 60_000))
    await settled()
    expect(seen).toEqual(['1#1', '2#1', '3#1'])
    await clock.advance(500)
    expect(await response).toEqual(noFailures)
    expect(seen).toEqual(['1#1', '2#1', '3#1', '1#2'])
  })

  test("is left to Lambda after three attempts too if retry.classify returns 'wait'", async () => {
    let calls = 0
    const handler = lambdaHandler(
      () => {
        calls++
        throw new Error('down')
      },
      { retry: { ...atOnce, classify: () => 'wait' }, logger: quiet, throwOnFullBatchFailure: false },
    )
    expect(await handler(eventWith(1))).toEqual(failedFrom(1))
    expect(calls).toBe(3)
  })

  test("does not use up its attempts while retry.classify returns 'wait'", async () => {
    const attempts: number[] = []
    const handler = lambdaHandler(
      (_, { attempt }) => {
        attempts.push(attempt)
        if (attempts.length < 4) throw new Error('down')
      },
      { retry: { ...atOnce, maxAttempts: 2, classify: () => 'wait' }, onFailure: 'discard', logger: quiet },
    )
    expect(await handler(eventWith(1))).toEqual(noFailures)
    expect(attempts).toEqual([1, 1, 1, 1])
  })

  test('fails each attempt while the filter throws', async () => {
    let calls = 0
    const handler = lambdaHandler(() => {}, {
      filter: ({ keys }) => {
        if (keys.id === 'b' && ++calls < 3) throw new Error('no')
        return true
      },
      retry: atOnce,
      logger: quiet,
    })
    expect(await handler(eventOf('a', 'b'))).toEqual(noFailures)
    expect(calls).toBe(3)
  })
})

describe('a record that is given up', () => {
  test('goes to the destination as rejected, and the next record of its key is handled', async () => {
    const destination = memoryDestination()
    const seen: string[] = []
    const handler = lambdaHandler(
      ({ sequenceNumber }, { reject }) => {
        seen.push(sequenceNumber)
        if (sequenceNumber === '1') reject('malformed')
      },
      { onFailure: destination, logger: quiet },
    )
    const clock = clockAt()
    expect(await handler(eventOf('a', 'a'), contextOf(clock, 60_000))).toEqual(noFailures)
    expect(seen).toEqual(['1', '2'])
    const [letter] = destination.letters
    expect(letter).toMatchObject({ condition: 'Rejected', failure: { reason: 'malformed', attempts: 1 } })
    expect(letter?.invocationRecord()).toMatchObject({
      requestContext: { functionArn, condition: 'Rejected' },
      payload: JSON.stringify({ Records: [lambdaRecord(1, 'a')] }),
      DDBStreamBatchInfo: { streamArn, startSequenceNumber: '1', shardId: 'unknown' },
    })
  })

  test('has the same identifier in each invocation, which depends on the name of the function', async () => {
    const ids: string[] = []
    const destination = async ({ id }: DeadLetter) => void ids.push(id)
    const handle = () => {
      throw new RejectError('malformed')
    }
    const handler = lambdaHandler(handle, { onFailure: destination, logger: quiet })
    const context = contextOf(clockAt(), 60_000)
    await handler(eventWith(1), context)
    await handler(eventWith(1), context)
    await handler(eventWith(1), { ...context, functionName: 'other' })
    await lambdaHandler(handle, { onFailure: destination, logger: quiet, name: 'indexer' })(eventWith(1))
    const [one, two, three, four] = ids
    expect(two).toBe(one)
    expect(three).not.toBe(one)
    expect(four).toBe(one)
  })

  test('is reported to Lambda if there is no destination for the reason', async () => {
    const destination = memoryDestination()
    const handler = lambdaHandler(
      ({ sequenceNumber }, { reject }) => {
        if (sequenceNumber === '2') reject('malformed')
      },
      { onFailure: { invalid: destination }, logger: quiet },
    )
    expect(await handler(eventWith(3))).toEqual(failedFrom(2))
    expect(destination.letters).toEqual([])
  })

  test('is settled without a letter if it is discarded', async () => {
    const handler = lambdaHandler((_, { reject }) => reject('malformed'), {
      onFailure: 'discard',
      logger: quiet,
    })
    expect(await handler(eventWith(3))).toEqual(noFailures)
  })

  test('goes nowhere after three attempts unless retry.maxAttempts is set', async () => {
    const destination = memoryDestination()
    const fail = () => {
      throw new Error('no')
    }
    const options = { onFailure: destination, logger: quiet, throwOnFullBatchFailure: false }
    expect(await lambdaHandler(fail, { ...options, retry: atOnce })(eventWith(1))).toEqual(failedFrom(1))
    expect(destination.letters).toEqual([])
    const limited = lambdaHandler(fail, { ...options, retry: { ...atOnce, maxAttempts: 5 } })
    expect(await limited(eventWith(1))).toEqual(noFailures)
    expect(destination.letters).toMatchObject([
      { condition: 'RetryAttemptsExhausted', failure: { attempts: 5, error: { message: 'no' } } },
    ])
  })

  test('is given up by age after its first attempt in the invocation', async () => {
    const destination = memoryDestination()
    let calls = 0
    const handler = lambdaHandler(
      () => {
        calls++
        throw new Error('no')
      },
      {
        clock: clockAt(CREATED_AT + 61),
        onFailure: destination,
        retry: { maxRecordAgeMs: 60_000 },
        logger: quiet,
      },
    )
    expect(await handler(eventWith(1))).toEqual(noFailures)
    expect(calls).toBe(1)
    expect(destination.letters).toMatchObject([
      { condition: 'RecordAgeExceeded', failure: { error: { message: 'no' } } },
    ])
    expect(destination.letters[0]?.invocationRecord()).not.toHaveProperty('responseContext')
  })

  test('is sent again until the destination accepts it', async () => {
    const clock = clockAt()
    let calls = 0
    const destination = async () => {
      if (++calls < 3) throw new Error('throttled')
    }
    const handler = lambdaHandler((_, { reject }) => reject('malformed'), {
      clock,
      onFailure: destination,
      logger: quiet,
      random: () => 0.5,
    })
    const response = handler(eventWith(1), contextOf(clock, 60_000))
    await settled()
    await clock.advance(100)
    await clock.advance(200)
    expect(await response).toEqual(noFailures)
    expect(calls).toBe(3)
  })

  test('is reported to Lambda if the destination does not accept it before the deadline', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(
      (record, { reject }) => record.sequenceNumber === '2' && reject('malformed'),
      {
        clock,
        onFailure: () => Promise.reject(new Error('down')),
        logger: quiet,
      },
    )
    const response = handler(eventOf('a', 'b', 'b'), contextOf(clock, 10_000))
    await settled()
    await clock.advance(10_000)
    expect(await response).toEqual(failedFrom(2))
  })

  test('is reported to Lambda if the destination hangs', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(
      (record, { reject }) => record.sequenceNumber === '2' && reject('malformed'),
      {
        clock,
        onFailure: () => new Promise<void>(() => {}),
        logger: quiet,
      },
    )
    const response = handler(eventWith(3), contextOf(clock, 10_000))
    await settled()
    await clock.advance(9_999)
    expect(await response).toEqual(failedFrom(2))
  })

  test('the destination stays open between invocations', async () => {
    const memory = memoryDestination()
    let closed = 0
    const destination = { send: memory.send.bind(memory), close: async () => void closed++ }
    const handler = lambdaHandler((_, { reject }) => reject('malformed'), {
      onFailure: destination,
      logger: quiet,
    })
    await handler(eventWith(1))
    await handler(eventWith(1))
    expect(closed).toBe(0)
  })
})

describe('the deadline', () => {
  test('aborts the signals of the handlers, and reports the lowest record that is not settled', async () => {
    const clock = clockAt()
    const started: string[] = []
    const reasons: unknown[] = []
    const handler = lambdaHandler(
      ({ sequenceNumber }, { signal }) => {
        started.push(sequenceNumber)
        if (sequenceNumber === '1') return undefined
        return new Promise<void>((_, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(signal.reason)
          })
        })
      },
      { clock, concurrency: 2, logger: quiet },
    )
    const response = handler(eventWith(5), contextOf(clock, 60_000))
    await clock.advance(58_999)
    expect(reasons).toEqual([])
    await clock.advance(1)
    expect(await response).toEqual(failedFrom(2))
    expect(reasons).toHaveLength(2)
    expect(started).toEqual(['1', '2', '3'])
  })

  test('is logged if records were not handled before it', async () => {
    const clock = clockAt()
    const logger = testLogger()
    const handler = lambdaHandler(
      ({ sequenceNumber }) => (sequenceNumber === '1' ? undefined : new Promise<void>(() => {})),
      { clock, logger },
    )
    const response = handler(eventWith(3), contextOf(clock, 3_000))
    await clock.advance(3_000)
    expect(await response).toEqual(failedFrom(2))
    expect(logger.lines).toEqual([
      { message: 'The time of the invocation was over before 2 records were handled.', error: undefined },
    ])
  })

  test('counts what succeeds within half of the reserve', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(
      ({ sequenceNumber }) =>
        new Promise<void>((resolve) => {
          clock.setTimer(sequenceNumber === '1' ? 59_499 : 59_501, resolve)
        }),
      { clock, logger: quiet },
    )
    const response = handler(eventWith(2), contextOf(clock, 60_000))
    await clock.advance(59_500)
    expect(await response).toEqual(failedFrom(2))
  })

  test('does not wait for a handler that ignores its signal', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(
      ({ sequenceNumber }) => (sequenceNumber === '1' ? undefined : new Promise<void>(() => {})),
      { clock, logger: quiet },
    )
    const response = handler(eventWith(2), contextOf(clock, 3_000))
    await clock.advance(2_500)
    expect(await response).toEqual(failedFrom(2))
  })

  test('a record whose next attempt would start too late is reported at once', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(
      ({ sequenceNumber }) => {
        if (sequenceNumber === '2') throw new Error('no')
      },
      { clock, retry: { delayMs: () => 59_000 }, logger: quiet },
    )
    expect(await handler(eventWith(2), contextOf(clock, 60_000))).toEqual(failedFrom(2))
  })

  test('is observed by handlers that never wait, so that no timer fires', async () => {
    let now = 0
    const clock = { now: () => now, monotonic: () => now, setTimer: () => () => {} }
    const handler = lambdaHandler(
      () => {
        now += 100
      },
      { clock, order: 'shard', logger: quiet },
    )
    const context = { getRemainingTimeInMillis: () => 2_000 }
    expect(await handler(eventWith(100), context)).toEqual(failedFrom(11))
    expect(now).toBe(1_000)
  })

  test('throws if nothing was settled before it', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(() => new Promise<void>(() => {}), { clock, logger: quiet })
    const response = handler(eventWith(2), contextOf(clock, 3_000))
    const expected = expect(response).rejects.toMatchObject({
      code: 'handler.failed',
      message: expect.stringContaining('time of the invocation'),
    })
    await clock.advance(3_000)
    await expected
  })

  test('leaves at least half of the time to the handlers', async () => {
    const clock = clockAt()
    let aborted = false
    const handler = lambdaHandler(
      (_, { signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true
            resolve()
          })
        }),
      { clock, reserveMs: 300_000 },
    )
    const response = handler(eventWith(1), contextOf(clock, 3_000))
    await clock.advance(1_499)
    expect(aborted).toBe(false)
    await clock.advance(1)
    expect(await response).toEqual(noFailures)
  })

  test('leaves no timer', async () => {
    const clock = clockAt()
    await lambdaHandler(() => {}, { clock, handlerTimeoutMs: 1_000 })(eventWith(3), contextOf(clock, 3_000))
    expect(clock.untilNextTimer).toBeUndefined()
  })

  test('what settles after the response changes nothing', async () => {
    const clock = clockAt()
    const destination = memoryDestination()
    let fail = (_: unknown) => {}
    const handler = lambdaHandler(
      ({ sequenceNumber }) =>
        sequenceNumber === '1'
          ? undefined
          : new Promise<void>((_, reject) => {
              fail = reject
            }),
      { clock, onFailure: destination, logger: quiet },
    )
    const response = handler(eventWith(2), contextOf(clock, 10_000))
    await clock.advance(10_000)
    expect(await response).toEqual(failedFrom(2))
    fail(new RejectError('too late'))
    await settled()
    await clock.advance(60_000)
    expect(destination.letters).toEqual([])
  })

  test('a record that is rejected after its signal has aborted is reported, not discarded', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(
      ({ sequenceNumber }, { signal, reject }) =>
        sequenceNumber === '1'
          ? undefined
          : new Promise<void>((resolve) => {
              signal.addEventListener('abort', () => resolve())
            }).then(() => reject('too late')),
      { clock, onFailure: 'discard', logger: quiet },
    )
    const response = handler(eventWith(2), contextOf(clock, 10_000))
    await clock.advance(10_000)
    expect(await response).toEqual(failedFrom(2))
  })
})

describe('a handler timeout', () => {
  test('aborts the signal, and the result of the handler counts', async () => {
    const clock = clockAt()
    const handler = lambdaHandler(
      (_, { signal, attempt }) =>
        attempt > 1
          ? undefined
          : new Promise<void>((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason))
            }),
      { clock, handlerTimeoutMs: 1_000, retry: atOnce },
    )
    const response = handler(eventWith(1), contextOf(clock, 60_000))
    await clock.advance(1_000)
    expect(await response).toEqual(noFailures)
  })
})

describe('tasks', () => {
  test('that have succeeded do not run again in the invocation', async () => {
    const calls: string[] = []
    const handler = lambdaHandler(
      {
        tasks: {
          mail: () => void calls.push('mail'),
          index: (_, { attempt }) => {
            calls.push(`index ${attempt}`)
            if (attempt < 3) throw new Error('no')
          },
        },
      },
      { retry: atOnce },
    )
    expect(await handler(eventWith(1))).toEqual(noFailures)
    expect(calls).toEqual(['mail', 'index 1', 'index 2', 'index 3'])
  })

  test('are given up one by one', async () => {
    const destination = memoryDestination()
    const handler = lambdaHandler(
      {
        tasks: {
          mail: (_, { reject }) => reject('no address'),
          index: (_, { attempt }) => {
            if (attempt < 2) throw new Error('no')
          },
          log: () => {
            throw new RejectError('no disk')
          },
        },
      },
      { onFailure: destination, retry: atOnce, logger: quiet },
    )
    expect(await handler(eventWith(1))).toEqual(noFailures)
    expect(destination.letters.map(({ failure }) => [failure.task, failure.reason])).toEqual([
      ['mail', 'no address'],
      ['log', 'no disk'],
    ])
  })

  test('that have succeeded are not given up with a record that becomes too old', async () => {
    const clock = clockAt()
    const destination = memoryDestination()
    const handler = lambdaHandler(
      { tasks: { mail: () => {}, index: () => Promise.reject(new Error('no')) } },
      {
        clock,
        onFailure: destination,
        retry: { maxRecordAgeMs: 60_000, delayMs: () => 60_000 },
        logger: quiet,
      },
    )
    const response = handler(eventWith(1), contextOf(clock, 300_000))
    await settled()
    await clock.advance(60_000)
    expect(await response).toEqual(noFailures)
    expect(destination.letters.map(({ condition, failure }) => [condition, failure.task])).toEqual([
      ['RecordAgeExceeded', 'index'],
    ])
  })

  test('report their record if one of them cannot be given up', async () => {
    const handler = lambdaHandler(
      { tasks: { mail: () => {}, index: () => Promise.reject(new Error('no')) } },
      { retry: atOnce, logger: quiet, throwOnFullBatchFailure: false },
    )
    expect(await handler(eventWith(2))).toEqual(failedFrom(1))
  })
})

describe('a schema', () => {
  const schema = (isValid: (value: unknown) => boolean) => ({
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) =>
        isValid(value) ? { value: { valid: value } } : { issues: [{ message: 'is wrong' }] },
    },
  })

  test('gives up invalid records, and the handler receives the output of valid ones', async () => {
    const destination = memoryDestination()
    const seen: unknown[] = []
    const handler = lambdaHandler((record) => void seen.push(record.newImage), {
      schema: { newImage: schema((value) => Object(value).id !== 'b') },
      onFailure: destination,
      logger: quiet,
    })
    expect(await handler(eventOf('a', 'b'))).toEqual(noFailures)
    expect(seen).toEqual([{ valid: { id: 'a', n: 1 } }])
    expect(destination.letters).toMatchObject([{ condition: 'Invalid', records: [{ sequenceNumber: '2' }] }])
  })
})

describe('two invocations at a time in one process', () => {
  test('do not affect each other', async () => {
    const clock = clockAt()
    const destination = memoryDestination()
    const release = new Map<string, () => void>()
    const seen: string[] = []
    const handler = lambdaHandler(
      async ({ keys, sequenceNumber }, { signal, reject }) => {
        const key = String(keys.id)
        seen.push(`${key}${sequenceNumber}`)
        await new Promise<void>((resolve, rejectPromise) => {
          release.set(key, resolve)
          signal.addEventListener('abort', () => rejectPromise(signal.reason))
        })
        if (key === 'y') reject('malformed')
      },
      { clock, concurrency: 1, onFailure: destination, logger: quiet, throwOnFullBatchFailure: false },
    )
    // The same key and the same numbers, with different deadlines.
    const short = handler(eventOf('x', 'z'), contextOf(clock, 10_000))
    const long = handler(eventOf('y', 'z'), contextOf(clock, 60_000))
    await settled()
    expect(seen).toEqual(['x1', 'y1'])
    await clock.advance(10_000)
    expect(await short).toEqual(failedFrom(1))
    release.get('y')?.()
    await settled()
    expect(seen).toEqual(['x1', 'y1', 'z2'])
    release.get('z')?.()
    expect(await long).toEqual(noFailures)
    expect(destination.letters).toMatchObject([{ records: [{ keys: { id: 'y' } }] }])
  })
})
