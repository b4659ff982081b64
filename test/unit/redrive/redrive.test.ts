import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { metadataOnlyBody } from '../../../src/destinations/serialize-letter.ts'
import type { RecordContext } from '../../../src/processing/handler.ts'
import { RejectError } from '../../../src/processing/reject-error.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'
import { letterOf } from '../../support/dead-letters.ts'
import { batchJson, FakeSource, letterJson, redriveWith } from './redrive-subject.ts'

/** Records which records were handled, as `key number`. */
function recorder(behave: (name: string, context: RecordContext) => unknown = () => {}) {
  const handled: string[] = []
  const handler = async ({ keys, sequenceNumber }: StreamRecord, context: RecordContext) => {
    const name = `${keys.id}${sequenceNumber}`
    await setImmediate()
    await behave(name, context)
    handled.push(name)
  }
  return { handled, handler }
}

const failOn =
  (...names: readonly string[]) =>
  (name: string) => {
    if (names.includes(name)) throw new Error('It always fails.')
  }

describe('order', () => {
  test('the letters of an item are handled in the order of their sequence numbers, and then removed', async () => {
    const source = new FakeSource({
      m3: letterJson(3, 'a'),
      m1: letterJson(1, 'a'),
      m20: letterJson(20, 'a'),
      m2: letterJson(2, 'b'),
    })
    const { handled, handler } = recorder()
    const { summary, failure } = await redriveWith(source, handler).run()
    expect(handled.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a3', 'a20'])
    expect(source.removed.toSorted()).toEqual(['m1', 'm2', 'm20', 'm3'])
    expect(summary).toMatchObject({ found: 4, handled: 4, records: 4, failed: 0 })
    expect({ failure, isClosed: source.isClosed }).toEqual({ failure: undefined, isClosed: true })
  })

  test('any shuffled letters, of one record or many, are handled in order per item, and each once', async () => {
    const letters = fc.array(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }), {
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(
        letters,
        fc.func(fc.nat()),
        fc.constantFrom(1, 2, 16),
        async (shapes, rank, concurrency) => {
          let number = 0
          const bodies = shapes.map((keys) => batchJson(...keys.map((key) => [++number, key] as const)))
          const entries = bodies.map((body, index) => [`m${index}`, body] as const)
          const source = new FakeSource(
            Object.fromEntries(entries.toSorted(([one], [other]) => rank(one) - rank(other))),
          )
          let running = 0
          let mostRunning = 0
          const runningKeys = new Set<string>()
          const { handled, handler } = recorder(async (name) => {
            const key = name.slice(0, 1)
            expect(runningKeys).not.toContain(key)
            runningKeys.add(key)
            mostRunning = Math.max(mostRunning, ++running)
            await setImmediate()
            running--
            runningKeys.delete(key)
          })
          const { summary } = await redriveWith(source, handler, { concurrency }).run()
          expect(summary).toMatchObject({ handled: shapes.length, records: number })
          expect(mostRunning).toBeLessThanOrEqual(concurrency)
          for (const key of ['a', 'b', 'c']) {
            const numbers = handled
              .filter((name) => name.startsWith(key))
              .map((name) => Number(name.slice(1)))
            expect(numbers).toEqual(numbers.toSorted((one, other) => one - other))
          }
          expect(new Set(handled)).toHaveLength(number)
        },
      ),
      { numRuns: 50 },
    )
  })

  test('a letter that is in the queue twice is handled once, and both messages are removed', async () => {
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(1, 'a'), m3: letterJson(2, 'a') })
    const { handled, handler } = recorder()
    const { summary } = await redriveWith(source, handler).run()
    expect(handled).toEqual(['a1', 'a2'])
    expect(source.removed).toEqual(['m1', 'm2', 'm3'])
    expect(summary).toMatchObject({ handled: 3, records: 2 })
  })

  test('letters of a later pass that are older than what was handled are reported, and handled', async () => {
    const source = new FakeSource(
      { m3: letterJson(3, 'a') },
      { m1: letterJson(1, 'a'), m2: letterJson(2, 'a'), m4: letterJson(4, 'a') },
    )
    const { handled, handler } = recorder()
    const { reported } = await redriveWith(source, handler).run()
    expect(handled).toEqual(['a3', 'a1', 'a2', 'a4'])
    expect(reported.filter((line) => line.startsWith('older'))).toEqual(['older m1', 'older m2'])
  })

  test('items with equal keys in different tables do not wait for each other', async () => {
    const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/other/stream/2026-01-01T00:00:00.000'
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'a', { streamArn }) })
    const { summary } = await redriveWith(source, recorder(failOn('a1')).handler).run()
    expect(summary).toMatchObject({ handled: 1, failed: 1, behindOthers: 0 })
  })

  test('of two streams of a table, the letters of the older one are first, whatever their numbers are', async () => {
    const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2025-01-01T00:00:00.000'
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'a', { streamArn }) })
    const { handled, handler } = recorder()
    await redriveWith(source, handler).run()
    expect(handled).toEqual(['a2', 'a1'])
  })
})

describe('failures', () => {
  test('a letter that fails stays, the later ones of its item are not started, and other items continue', async () => {
    const source = new FakeSource({
      m1: letterJson(1, 'a'),
      m2: letterJson(2, 'a'),
      m3: letterJson(3, 'a'),
      m4: letterJson(4, 'b'),
      m5: letterJson(5, 'b'),
    })
    const { handled, handler } = recorder(failOn('a2'))
    const { summary, reported } = await redriveWith(source, handler).run()
    expect(handled.toSorted()).toEqual(['a1', 'b4', 'b5'])
    expect(source.removed.toSorted()).toEqual(['m1', 'm4', 'm5'])
    expect(summary).toMatchObject({ handled: 3, failed: 1, behindOthers: 1 })
    expect(reported).toContain('failed m2')
  })

  test('letters of an item that failed are not started in later passes either', async () => {
    const source = new FakeSource(
      { m1: letterJson(1, 'a') },
      { m2: letterJson(2, 'a') },
      { m3: letterJson(3, 'b') },
    )
    const { handled, handler } = recorder(failOn('a1'))
    const { summary } = await redriveWith(source, handler).run()
    expect(handled).toEqual(['b3'])
    expect(summary).toMatchObject({ handled: 1, failed: 1, behindOthers: 1 })
  })

  test('a batch stays as a whole if one of its records fails; its other items are handled', async () => {
    const source = new FakeSource({
      m1: batchJson([1, 'a'], [2, 'b'], [3, 'a']),
      m2: batchJson([4, 'b'], [5, 'c']),
    })
    const { handled, handler } = recorder(failOn('a1'))
    const { summary } = await redriveWith(source, handler).run()
    // b4 would otherwise be followed by b2 in the next redrive.
    expect(handled).toEqual(['b2'])
    expect(source.removed).toEqual([])
    expect(summary).toMatchObject({ handled: 0, failed: 1, behindOthers: 1, records: 1 })
  })

  test('each record has three attempts, with delays and with the number of the attempt', async () => {
    const attempts: unknown[] = []
    const handler = (
      _: StreamRecord,
      { attempt, firstAttemptAt, shardId, sequenceNumber, epoch }: RecordContext,
    ) => {
      attempts.push({ attempt, firstAttemptAt: firstAttemptAt.getTime(), shardId, sequenceNumber, epoch })
      throw new Error('It always fails.')
    }
    const subject = redriveWith(new FakeSource({ m1: letterJson(1, 'a') }), handler)
    const startedAt = subject.clock.now()
    await subject.run()
    const context = {
      firstAttemptAt: startedAt,
      shardId: 'shardId-00000001767225600000-0a1b2c3d',
      sequenceNumber: '1',
      epoch: undefined,
    }
    expect(attempts).toEqual([1, 2, 3].map((attempt) => ({ attempt, ...context })))
    // Half of 200 ms, and of 400 ms.
    expect(subject.clock.now() - startedAt).toBe(300)
  })

  test('a record that succeeds with a later attempt is handled', async () => {
    const { handled, handler } = recorder((_, { attempt }) => {
      if (attempt < 3) throw new Error('Not yet.')
    })
    const source = new FakeSource({ m1: letterJson(1, 'a') })
    const { summary } = await redriveWith(source, handler).run()
    expect({ handled, removed: source.removed }).toEqual({ handled: ['a1'], removed: ['m1'] })
    expect(summary).toMatchObject({ handled: 1, failed: 0 })
  })

  test('the number of attempts can be set in the module, and --max-attempts overrides it', async () => {
    for (const [changes, expected] of [
      [{}, 2],
      [{ maxAttempts: 1 }, 1],
      [{ maxAttempts: 5 }, 5],
    ] as const) {
      let attempts = 0
      const handler = () => {
        attempts++
        throw new Error('It always fails.')
      }
      const module = { handler, retry: { maxAttempts: 2, maxRecordAgeMs: 1_000 } }
      await redriveWith(new FakeSource({ m1: letterJson(1, 'a') }), module, changes).run()
      expect(attempts).toBe(expected)
    }
  })

  test("a record is not retried if it was rejected, or if classify returns 'reject'", async () => {
    const reject = (_: StreamRecord, context: RecordContext) => context.reject('No.')
    const throwRejectError = () => {
      throw new RejectError('No.')
    }
    const fail = () => {
      throw new Error('No.')
    }
    for (const module of [reject, throwRejectError, { handler: fail, retry: { classify: () => 'reject' } }]) {
      const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'a') })
      const subject = redriveWith(source, module)
      const { summary, reported } = await subject.run()
      expect(summary).toMatchObject({ handled: 0, failed: 1, behindOthers: 1 })
      expect(reported).toEqual(['found 2', 'rejected m1'])
    }
  })

  test("'wait' of classify counts as an attempt, because a redrive does not wait for the end of an outage", async () => {
    let attempts = 0
    const handler = () => {
      attempts++
      throw new Error('Down.')
    }
    const module = { handler, retry: { classify: () => 'wait' } }
    const { summary } = await redriveWith(new FakeSource({ m1: letterJson(1, 'a') }), module).run()
    expect(attempts).toBe(3)
    expect(summary.failed).toBe(1)
  })

  test('a letter that was handled but cannot be removed ends the redrive', async () => {
    const source = new FakeSource(
      { m1: letterJson(1, 'a'), m2: letterJson(2, 'a') },
      { m3: letterJson(3, 'b') },
    )
    const error = new Error('Access denied.')
    source.beforeRemoval = (place) => {
      if (place === 'm1') throw error
    }
    const { handled, handler } = recorder()
    const { summary, failure, reported } = await redriveWith(source, handler).run()
    expect(failure).toEqual({ error })
    expect(handled).toEqual(['a1'])
    expect(reported).toContain('notRemoved m1')
    expect(summary).toMatchObject({ handled: 0, failed: 1, notStarted: 1 })
    expect(source.hasMore).toBe(true)
    expect(source.isClosed).toBe(true)
  })

  test('a source that cannot be read ends the redrive, and what was found is not handled', async () => {
    const error = new Error('Access denied.')
    const source = new FakeSource({ m1: letterJson(1, 'a') })
    source.letters = async function* () {
      yield { place: 'm1', body: letterJson(1, 'a') }
      throw error
    }
    const { handled, handler } = recorder()
    const { summary, failure } = await redriveWith(source, handler).run()
    expect({ failure, handled, isClosed: source.isClosed }).toEqual({
      failure: { error },
      handled: [],
      isClosed: true,
    })
    expect(summary).toMatchObject({ found: 1, notStarted: 1 })
  })

  test('a letter that another consumer may have received is not handled, nor are the later ones', async () => {
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'a'), m3: letterJson(3, 'b') })
    source.lost.add('m1')
    const { handled, handler } = recorder()
    const { summary, reported } = await redriveWith(source, handler).run()
    expect(handled).toEqual(['b3'])
    expect(reported).toContain('lost m1')
    expect(summary).toMatchObject({ handled: 1, lost: 1, behindOthers: 1 })
  })

  test('malformed letters stay, and the others are handled', async () => {
    const source = new FakeSource({ m1: 'no letter', m2: letterJson(2, 'a'), m3: '{}' })
    const { summary, reported } = await redriveWith(source, recorder().handler).run()
    expect(source.removed).toEqual(['m2'])
    expect(reported).toEqual(['malformed m1', 'malformed m3', 'found 3'])
    expect(summary).toMatchObject({ found: 3, handled: 1, malformed: 2 })
  })

  test('once the handler has failed for 1,000 letters, no further letter is started', async () => {
    const letters = Object.fromEntries(
      Array.from({ length: 1_100 }, (_, index) => [`m${index}`, letterJson(index, `k${index}`)]),
    )
    const { handled, handler } = recorder(() => {
      throw new Error('It always fails.')
    })
    const source = new FakeSource(letters, { other: letterJson(5_000, 'x') })
    const module = { handler, retry: { maxAttempts: 1 } }
    const { summary, hasTooManyFailures } = await redriveWith(source, module, { concurrency: 1 }).run()
    expect({ handled, hasTooManyFailures, hasMore: source.hasMore }).toEqual({
      handled: [],
      hasTooManyFailures: true,
      hasMore: true,
    })
    // One more can have started before the failure was counted.
    expect([1_000, 1_001]).toContain(summary.failed)
    expect(summary.notStarted).toBe(1_100 - summary.failed)
  })

  test('with 10,000 letters that were not handled, no further letter is received', async () => {
    const letters = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [`m${index}`, 'no letter']),
    )
    const source = new FakeSource(letters, { other: letterJson(1, 'x') })
    const { hasTooManyFailures } = await redriveWith(source, recorder().handler).run()
    expect({ hasTooManyFailures, hasMore: source.hasMore }).toEqual({
      hasTooManyFailures: true,
      hasMore: true,
    })
  })
})

describe('handlers', () => {
  test('of a handler with tasks, only the task of the letter runs', async () => {
    const ran: string[] = []
    const task = (name: string) => (record: StreamRecord) => void ran.push(`${name} ${record.sequenceNumber}`)
    const module = { tasks: { index: task('index'), mail: task('mail') } }
    const source = new FakeSource({ m1: letterJson(1, 'a', { task: 'mail' }), m2: letterJson(2, 'a') })
    const { summary } = await redriveWith(source, module).run()
    expect(ran).toEqual(['mail 1', 'index 2', 'mail 2'])
    expect(summary).toMatchObject({ handled: 2 })
  })

  test('letters of different tasks of a record are different work', async () => {
    const ran: string[] = []
    const module = { tasks: { index: () => void ran.push('index'), mail: () => void ran.push('mail') } }
    const source = new FakeSource({
      m1: letterJson(1, 'a', { task: 'mail' }),
      m2: letterJson(1, 'a', { task: 'index' }),
    })
    await redriveWith(source, module).run()
    expect(ran.toSorted()).toEqual(['index', 'mail'])
  })

  test('if a letter without a task fails in one task, a retry runs only that task', async () => {
    const ran: string[] = []
    const module = {
      tasks: {
        index: () => void ran.push('index'),
        mail: (_: StreamRecord, { attempt }: RecordContext) => {
          ran.push(`mail ${attempt}`)
          if (attempt === 1) throw new Error('Not yet.')
        },
      },
    }
    const { summary } = await redriveWith(new FakeSource({ m1: letterJson(1, 'a') }), module).run()
    expect(ran).toEqual(['index', 'mail 1', 'mail 2'])
    expect(summary).toMatchObject({ handled: 1 })
  })

  test('a task that rejects the record is not repeated while another task is retried', async () => {
    const ran: string[] = []
    const module = {
      tasks: {
        index: (_: StreamRecord, { reject }: RecordContext) => {
          ran.push('index')
          reject('No.')
        },
        mail: (_: StreamRecord, { attempt }: RecordContext) => {
          ran.push(`mail ${attempt}`)
          if (attempt === 1) throw new Error('Not yet.')
        },
      },
    }
    const source = new FakeSource({ m1: letterJson(1, 'a') })
    const { reported } = await redriveWith(source, module).run()
    expect(ran).toEqual(['index', 'mail 1', 'mail 2'])
    expect(reported).toContain('rejected m1')
    expect(source.removed).toEqual([])
  })

  test('a letter of a task that the handler does not have stays', async () => {
    for (const module of [() => {}, { tasks: { index: () => {} } }]) {
      const source = new FakeSource({ m1: letterJson(1, 'a', { task: 'mail' }) })
      const { summary, reported } = await redriveWith(source, module).run()
      expect(reported).toContain('unknownTask m1')
      expect({ ...summary, removed: source.removed }).toMatchObject({ failed: 1, removed: [] })
    }
  })

  test('a batch handler receives one record per call, and can report it as failed', async () => {
    const sizes: number[] = []
    const module = {
      batch(records: readonly StreamRecord[]) {
        sizes.push(records.length)
        return {
          batchItemFailures: records
            .filter(({ keys }) => keys.id === 'a')
            .map((record) => ({ itemIdentifier: record.sequenceNumber })),
        }
      },
    }
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'b') })
    const { reported } = await redriveWith(source, module).run()
    expect(new Set(sizes)).toEqual(new Set([1]))
    expect(source.removed).toEqual(['m2'])
    expect(reported).toContain('failed m1')
  })

  test('a schema is applied: invalid records stay, and the handler receives the output', async () => {
    const images: unknown[] = []
    const newImage = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => {
          const { n } = value as { n: number }
          return n === 1 ? { issues: [{ message: 'secret' }] } : { value: { n: n * 10 } }
        },
      },
    }
    const module = {
      handler: (record: StreamRecord) => void images.push(record.newImage),
      schema: { newImage },
    }
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'b') })
    const { reported } = await redriveWith(source, module).run()
    expect(images).toEqual([{ n: 20 }])
    expect(reported).toContain('invalid m1')
    expect(source.removed).toEqual(['m2'])
  })

  test('records that the filters exclude are removed without being handled', async () => {
    const { handled, handler } = recorder()
    const filters = { dynamodb: { Keys: { id: { S: ['b', 'c'] } } } }
    const module = { handler, filters, filter: (record: StreamRecord) => record.keys.id !== 'c' }
    const source = new FakeSource({ m1: batchJson([1, 'a'], [2, 'b'], [3, 'c']) })
    const { summary } = await redriveWith(source, module).run()
    expect(handled).toEqual(['b2'])
    expect(source.removed).toEqual(['m1'])
    expect(summary).toMatchObject({ handled: 1, records: 1, filtered: 2 })
  })

  test('a filter that throws is a failed attempt', async () => {
    const filter = () => {
      throw new Error('No.')
    }
    const source = new FakeSource({ m1: letterJson(1, 'a') })
    const { reported } = await redriveWith(source, { handler: () => {}, filter }).run()
    expect(reported).toContain('failed m1')
    expect(source.removed).toEqual([])
  })

  test('after handlerTimeoutMs the signal aborts, and a handler that ignores it is reported', async () => {
    let isAborted = false
    const handler = (_: StreamRecord, { signal, attempt }: RecordContext) =>
      attempt > 1
        ? undefined
        : new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              isAborted = true
              subject.clock.setTimer(5_000, () => reject(signal.reason))
            })
          })
    const subject = redriveWith(new FakeSource({ m1: letterJson(1, 'a') }), {
      handler,
      handlerTimeoutMs: 1_000,
    })
    const { summary, reported } = await subject.run()
    expect(isAborted).toBe(true)
    expect(reported).toContain('abandoned 1')
    expect(summary).toMatchObject({ handled: 1 })
  })
})

describe('bounds', () => {
  test('at the limit no further letter is started, and the first letters of each item were', async () => {
    const source = new FakeSource(
      { m3: letterJson(3, 'a'), m1: letterJson(1, 'a'), m2: letterJson(2, 'a') },
      { m4: letterJson(4, 'a') },
    )
    const { handled, handler } = recorder()
    const { summary } = await redriveWith(source, handler, { limit: 2 }).run()
    expect(handled).toEqual(['a1', 'a2'])
    expect(source.removed).toEqual(['m1', 'm2'])
    expect(summary).toMatchObject({ handled: 2, notStarted: 1 })
    expect(source.hasMore).toBe(true)
  })

  test('only letters of the given name are handled, and several names are reported', async () => {
    const letters = {
      m1: letterJson(1, 'a', { name: 'mailer' }),
      m2: letterJson(2, 'a', { name: 'indexer' }),
      m3: letterJson(3, 'b', { name: 'indexer' }),
    }
    const all = await redriveWith(new FakeSource(letters), recorder().handler).run()
    expect(all.reported.filter((line) => line.startsWith('names'))).toEqual(['names mailer,indexer'])
    const source = new FakeSource(letters)
    const { handled, handler } = recorder()
    const { summary, reported } = await redriveWith(source, handler, { name: 'indexer' }).run()
    expect(handled.toSorted()).toEqual(['a2', 'b3'])
    expect(reported).toEqual(['found 3'])
    expect(summary).toMatchObject({ handled: 2, ofOthers: 1 })
  })

  test('while a record waits for a retry it takes no slot', async () => {
    const { handled, handler } = recorder((name, { attempt }) => {
      if (name === 'a1' && attempt === 1) throw new Error('Not yet.')
    })
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'b') })
    await redriveWith(source, handler, { concurrency: 1 }).run()
    expect(handled).toEqual(['b2', 'a1'])
  })
})

describe('stopping', () => {
  test('running handlers finish and their letters are removed, and nothing else starts', async () => {
    const stop = new AbortController()
    const source = new FakeSource({ m1: letterJson(1, 'a'), m2: letterJson(2, 'a'), m3: letterJson(3, 'b') })
    const { handled, handler } = recorder(async (name, { signal }) => {
      if (name !== 'a1') return
      stop.abort()
      await setImmediate()
      expect(signal.aborted).toBe(false)
    })
    const { summary } = await redriveWith(source, handler, { stop: stop.signal, concurrency: 1 }).run()
    expect({ handled, removed: source.removed }).toEqual({ handled: ['a1'], removed: ['m1'] })
    expect(summary).toMatchObject({ handled: 1, notStarted: 2, failed: 0 })
    expect(source.isClosed).toBe(true)
  })

  test('a record that waits for a retry stays, without a further attempt', async () => {
    const stop = new AbortController()
    let attempts = 0
    const handler = () => {
      attempts++
      stop.abort()
      throw new Error('It always fails.')
    }
    const source = new FakeSource({ m1: letterJson(1, 'a') })
    const { summary } = await redriveWith(source, handler, { stop: stop.signal }).run()
    expect(attempts).toBe(1)
    expect(summary).toMatchObject({ handled: 0, notStarted: 1, failed: 0 })
  })

  test('a redrive that is stopped while letters are read handles none of them', async () => {
    const stop = new AbortController()
    const source = new FakeSource({ m1: letterJson(1, 'a') })
    source.letters = async function* () {
      yield { place: 'm1', body: letterJson(1, 'a') }
      stop.abort()
      yield { place: 'm2', body: letterJson(2, 'a') }
    }
    const { handled, handler } = recorder()
    const { summary, failure } = await redriveWith(source, handler, { stop: stop.signal }).run()
    expect({ handled, failure }).toEqual({ handled: [], failure: undefined })
    expect(summary).toMatchObject({ found: 1, notStarted: 1 })
  })
})

describe('letters without their records', () => {
  /** Returns the letter of a record of the emulator, without its payload. */
  function metadata(emulator: StreamEmulator, index: number): string {
    const { shardId = '', sequenceNumber = '' } = emulator.records[index] ?? {}
    const letter = JSON.parse(metadataOnlyBody(letterOf()))
    return JSON.stringify({
      ...letter,
      DDBStreamBatchInfo: {
        ...letter.DDBStreamBatchInfo,
        streamArn: emulator.streamArn,
        shardId,
        startSequenceNumber: sequenceNumber,
        endSequenceNumber: sequenceNumber,
      },
    })
  }

  test('the records are read from the stream, and join the order of their item', async () => {
    const emulator = new StreamEmulator()
    for (const n of [1, 2, 3]) emulator.put({ id: 'a', n })
    const source = new FakeSource({
      m2: metadata(emulator, 1),
      m3: metadata(emulator, 2),
      m1: metadata(emulator, 0),
    })
    const images: unknown[] = []
    const handler = (record: StreamRecord) => void images.push(record.newImage)
    const { summary } = await redriveWith(source, handler, {
      streams: async () => sdkStreamsApi(emulator.client()),
    }).run()
    expect(images).toEqual([1, 2, 3].map((n) => ({ id: 'a', n })))
    expect(summary).toMatchObject({ handled: 3 })
  })

  test('a letter whose record was trimmed stays, and does not block its item', async () => {
    const emulator = new StreamEmulator()
    for (const n of [1, 2]) emulator.put({ id: 'a', n })
    const source = new FakeSource({ m1: metadata(emulator, 0), m2: metadata(emulator, 1) })
    const { shardId = '', sequenceNumber } = emulator.records[0] ?? {}
    emulator.trim({ shard: shardId, through: sequenceNumber })
    const { summary, reported } = await redriveWith(source, recorder().handler, {
      streams: async () => sdkStreamsApi(emulator.client()),
    }).run()
    expect(source.removed).toEqual(['m2'])
    expect(reported).toContain('trimmed m1')
    expect(summary).toMatchObject({ handled: 1, trimmed: 1 })
  })

  test('if the stream cannot be read, nothing of the pass is handled: the order would be unknown', async () => {
    const error = Object.assign(new Error('Denied.'), {
      name: 'AccessDeniedException',
      $metadata: { httpStatusCode: 400 },
    })
    const emulator = new StreamEmulator()
    emulator.put({ id: 'a' })
    const source = new FakeSource({ m1: letterJson(1, 'b'), m2: metadata(emulator, 0) })
    const api = { ...sdkStreamsApi(emulator.client()), openIterator: () => Promise.reject(error) }
    const { handled, handler } = recorder()
    const { failure } = await redriveWith(source, handler, { streams: async () => api }).run()
    expect({ failure, handled, removed: source.removed }).toEqual({
      failure: { error },
      handled: [],
      removed: [],
    })
  })
})
