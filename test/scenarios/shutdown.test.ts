import { getEventListeners } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type CheckpointStore,
  Coordinator,
  type DynamoDBStream,
  memoryCheckpointStore,
  type OpenStreamOptions,
  openStream,
} from '../../src/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'

const unhandled: unknown[] = []
const collect = (error: unknown) => void unhandled.push(error)
beforeAll(() => void process.on('unhandledRejection', collect))
afterAll(() => void process.off('unhandledRejection', collect))
afterEach(async () => {
  // Node.js reports unhandled rejections after all callbacks of the turn have run.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  expect(unhandled.splice(0)).toEqual([])
})

const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** A store whose saves hang after `hang()` is called, until a test resolves or rejects those in `pending`. */
function hangingStore() {
  const store = memoryCheckpointStore()
  const pending: { resolve(): void; reject(error: Error): void }[] = []
  let hangs = false
  return {
    hang: () => {
      hangs = true
    },
    pending,
    store: {
      load: (name) => store.load(name),
      save: (name, token) =>
        hangs
          ? new Promise<void>((resolve, reject) => pending.push({ resolve, reject }))
          : store.save(name, token),
    } satisfies CheckpointStore,
  }
}

function shutdownFixture() {
  const table = emulatedTable()
  const { emulator, clock } = table
  const controller = new AbortController()
  const { hang, pending, store } = hangingStore()
  const options: OpenStreamOptions = {
    streamArn: emulator.streamArn,
    client: emulator.api,
    clock,
    random: () => 0.5,
    signal: controller.signal,
    checkpoint: { store, name: 'worker', everyRecords: 1 },
  }
  return {
    ...table,
    controller,
    options,
    hangSaves: hang,
    hangingSaves: pending,
    start: () => clock.run(openStream(options)),
    /** Expects that no timer and no abort listener is left. */
    expectNothingLeft: () => {
      expect(clock.untilNextTimer).toBeUndefined()
      expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    },
  }
}

type Fixture = ReturnType<typeof shutdownFixture>

/** What a stream is doing when it is shut down: each function starts that and returns pending promises. */
const activities: Record<
  string,
  (stream: DynamoDBStream, fixture: Fixture) => Promise<readonly Promise<unknown>[]>
> = {
  'nothing is in flight': async () => [],
  'the listing of a moveTo() hangs': async (stream, { emulator, clock }) => {
    emulator.on('DescribeStream', ALWAYS, { hang: true })
    const moving = stream.moveTo('trim_horizon')
    moving.catch(() => {})
    await clock.advance(10)
    return [moving]
  },
  'a moveTo() cannot open its shards': async (stream, { emulator, clock }) => {
    emulator.on('GetShardIterator', ALWAYS, { hang: true })
    const moving = stream.moveTo('latest')
    moving.catch(() => {})
    await clock.advance(10)
    return [moving]
  },
  'a read hangs': async (stream, { emulator, clock }) => {
    emulator.on('GetRecords', ALWAYS, { hang: true })
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(10)
    return [reading]
  },
  'a shard iterator cannot be opened': async (stream, { emulator, clock }) => {
    emulator.on('GetShardIterator', ALWAYS, { hang: true })
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(10)
    return [reading]
  },
  'a retry is due later': async (stream, { emulator, clock }) => {
    emulator.on('GetRecords', ALWAYS, { fail: 'ThrottlingException' })
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(5_000)
    return [reading]
  },
  'a loop waits for a record': async (stream, { clock }) => {
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(10_000)
    return [reading]
  },
  'a batch is filling': async (stream, { clock, write }) => {
    write(1)
    const reading = stream.batches({ maxRecords: 10, maxWaitMs: 100_000 }).next()
    await clock.advance(5_000)
    return [reading]
  },
  'the search for children hangs': async (stream, { emulator, clock }) => {
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(2_000)
    emulator.on('DescribeStream', ALWAYS, { hang: true })
    emulator.split()
    await clock.advance(2_000)
    return [reading]
  },
  'a heartbeat hangs': async (stream, { emulator, clock }) => {
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(2_000)
    emulator.on('GetRecords', ALWAYS, { hang: true })
    await clock.advance(14 * 60_000)
    const beating = stream.heartbeat()
    beating.catch(() => {})
    await clock.advance(10)
    return [reading, beating]
  },
}

describe.each(Object.entries(activities))('shutdown while %s', (_, startActivity) => {
  it.each<[string, (stream: DynamoDBStream, fixture: Fixture) => Promise<unknown>]>([
    ['close()', (stream) => stream.close()],
    ['two calls of close()', (stream) => Promise.all([stream.close(), stream.close()])],
    [
      'an abort followed by close()',
      (stream, { controller }) => {
        controller.abort()
        return stream.close()
      },
    ],
    [
      'close() followed by an abort',
      (stream, { controller }) => {
        const closing = stream.close()
        controller.abort()
        return closing
      },
    ],
  ])(
    'a stream that is stopped by %s settles its pending calls within a second and leaves no timer or listener',
    async (_name, stop) => {
      const fixture = shutdownFixture()
      const stream = await fixture.start()
      const pending = await startActivity(stream, fixture)
      const before = fixture.clock.now()
      await fixture.clock.run(stop(stream, fixture))
      const ends = await fixture.clock.run(Promise.allSettled(pending))
      expect(fixture.clock.now() - before).toBeLessThanOrEqual(1_000)
      for (const end of ends) {
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'closed' })
      }
      fixture.expectNothingLeft()
      await expect(stream[Symbol.asyncIterator]().next()).resolves.toMatchObject({ done: true })
      fixture.expectNothingLeft()
    },
  )

  it('a stream that is stopped by an abort alone leaves no timer or listener once its pending calls have settled', async () => {
    const fixture = shutdownFixture()
    const stream = await fixture.start()
    const pending = await startActivity(stream, fixture)
    fixture.controller.abort()
    await fixture.clock.run(Promise.allSettled(pending))
    await fixture.clock.run(stream[Symbol.asyncIterator]().next())
    fixture.expectNothingLeft()
  })
})

describe('an abort without close()', () => {
  it('an abort without close() leaves no timer or listener when no loop is running', async () => {
    const fixture = shutdownFixture()
    await fixture.start()
    fixture.controller.abort()
    await fixture.clock.advance(11_000)
    fixture.expectNothingLeft()
  })

  it('an abort ends a loop that is processing a record when it requests the next one', async () => {
    const fixture = shutdownFixture()
    fixture.write(3)
    const stream = await fixture.start()
    const seen: unknown[] = []
    await fixture.clock.run(async () => {
      for await (const { newImage } of stream) {
        seen.push(newImage?.n)
        fixture.controller.abort()
      }
    })
    expect(seen).toEqual([0])
    fixture.expectNothingLeft()
  })
})

describe('a stream whose checkpoint cannot be saved', () => {
  const startAndHangSaves = async (fixture: Fixture) => {
    fixture.write(3)
    const stream = await fixture.start()
    const records = stream[Symbol.asyncIterator]()
    await fixture.clock.run(records.next())
    fixture.hangSaves()
    await fixture.clock.run(records.next())
    expect(fixture.hangingSaves.length).toBe(1)
    return { stream, records }
  }

  it.each(['close()', 'return()'] as const)(
    '%s rejects with checkpoint.failed after ten seconds when the checkpoint store hangs',
    async (how) => {
      const fixture = shutdownFixture()
      const { stream, records } = await startAndHangSaves(fixture)
      const before = fixture.clock.now()
      const stopping = how === 'close()' ? stream.close() : records.return?.()
      await expect(fixture.clock.run(stopping as Promise<unknown>)).rejects.toMatchObject({
        code: 'checkpoint.failed',
      })
      expect(fixture.clock.now() - before).toBe(10_000)
      // The loop has already thrown the error, so close() does not throw it again.
      if (how === 'return()') await fixture.clock.run(stream.close())
      fixture.expectNothingLeft()
    },
  )

  it('a save that settles after close() causes no unhandled rejection', async () => {
    for (const outcome of ['resolve', 'reject'] as const) {
      const fixture = shutdownFixture()
      const { stream } = await startAndHangSaves(fixture)
      await fixture.clock.run(stream.close().catch(() => {}))
      for (const save of fixture.hangingSaves) save[outcome](new Error('too late'))
      await fixture.clock.advance(60_000)
      fixture.expectNothingLeft()
    }
  })

  it('a stream whose checkpoint was taken over by another worker leaves no timer or listener', async () => {
    const fixture = shutdownFixture()
    const { stream, records } = await startAndHangSaves(fixture)
    const conflict = Object.assign(new Error('taken'), { name: 'StreamError', code: 'checkpoint.conflict' })
    for (const save of fixture.hangingSaves) save.reject(conflict)
    await fixture.clock.advance(10)
    await expect(fixture.clock.run(records.next())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    // If close() rejected too, `await using` would combine both errors in a SuppressedError.
    await fixture.clock.run(stream.close())
    fixture.expectNothingLeft()
  })
})

describe('an aborted openStream()', () => {
  const hanging: CheckpointStore = { load: () => new Promise(() => {}), save: async () => {} }

  it.each<[string, (fixture: Fixture) => Partial<OpenStreamOptions>]>([
    [
      'the shards are listed',
      ({ emulator }) => {
        emulator.on('DescribeStream', ALWAYS, { hang: true })
        return {}
      },
    ],
    [
      'the shards are opened',
      ({ emulator }) => {
        emulator.on('GetShardIterator', ALWAYS, { hang: true })
        return { startAt: 'latest' }
      },
    ],
    [
      'a failed listing is about to be retried',
      ({ emulator }) => {
        emulator.on('DescribeStream', ALWAYS, { fail: 'InternalServerError' })
        return {}
      },
    ],
    ['the checkpoint is loaded', () => ({ checkpoint: { store: hanging, name: 'worker' } })],
    [
      'the table is looked up',
      ({ emulator }) => {
        emulator.on('DescribeTable', ALWAYS, { hang: true })
        return {
          streamArn: undefined,
          tableName: emulator.tableName,
          tableClient: emulator.tableClient(),
        }
      },
    ],
  ])(
    'openStream() that is aborted while %s rejects with the abort reason and leaves no timer or listener',
    async (_, arrange) => {
      const fixture = shutdownFixture()
      const opening = openStream({ ...fixture.options, ...arrange(fixture) })
      let end: unknown = 'pending'
      opening.then(
        () => {
          end = 'opened'
        },
        (error) => {
          end = error
        },
      )
      await fixture.clock.advance(5_000)
      const reason = new Error('enough')
      fixture.controller.abort(reason)
      await fixture.clock.advance(1_000)
      expect(end).toBe(reason)
      fixture.expectNothingLeft()
    },
  )
})

describe('a stream that follows its table', () => {
  const follow = async (fixture: Fixture) => {
    const { emulator, clock, options } = fixture
    const stream = await clock.run(
      openStream({
        ...options,
        streamArn: undefined,
        tableName: emulator.tableName,
        tableClient: emulator.tableClient(),
        followTable: true,
        discoveryIntervalMs: 1_000,
      }),
    )
    emulator.disable()
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(60_000)
    return { stream, reading }
  }

  it('a stream that waits for the next stream of its table ends at once when it is closed or aborted', async () => {
    for (const stop of ['close', 'abort'] as const) {
      const fixture = shutdownFixture()
      const { stream, reading } = await follow(fixture)
      const before = fixture.clock.now()
      if (stop === 'abort') fixture.controller.abort()
      else await fixture.clock.run(stream.close())
      expect(await fixture.clock.run(reading)).toMatchObject({ done: true })
      expect(fixture.clock.now()).toBe(before)
      fixture.expectNothingLeft()
    }
  })

  it('a stream that follows its table ends within a second when it is closed or aborted while DescribeTable hangs', async () => {
    for (const stop of ['close', 'abort'] as const) {
      const fixture = shutdownFixture()
      const { stream, reading } = await follow(fixture)
      fixture.emulator.on('DescribeTable', ALWAYS, { hang: true })
      await fixture.clock.advance(2_000)
      let end: unknown = 'pending'
      reading.then((result) => {
        end = result
      }, collect)
      if (stop === 'abort') fixture.controller.abort()
      else await fixture.clock.run(stream.close())
      await fixture.clock.advance(1_000)
      expect(end).toMatchObject({ done: true })
      fixture.expectNothingLeft()
    }
  })

  it.each(['close', 'abort'] as const)(
    'a stream that follows its table ends within a second on %s while the first listing of the next stream is throttled',
    async (stop) => {
      const fixture = shutdownFixture()
      const { emulator, clock, controller } = fixture
      const { stream, reading } = await follow(fixture)
      emulator.on('DescribeStream', ALWAYS, { fail: 'ThrottlingException' })
      emulator.enable()
      await clock.advance(10_000)
      let end: unknown = 'pending'
      reading.then((result) => {
        end = result
      }, collect)
      if (stop === 'abort') controller.abort()
      else await clock.run(stream.close())
      await clock.advance(1_000)
      expect(end).toMatchObject({ done: true })
      const calls = emulator.log.length
      await clock.advance(60_000)
      expect(emulator.log.length).toBe(calls)
      fixture.expectNothingLeft()
    },
  )

  it('a stream that follows its table keeps polling it while DescribeTable is throttled or unreachable', async () => {
    const fixture = shutdownFixture()
    const { stream, reading } = await follow(fixture)
    fixture.emulator.on('DescribeTable', { times: 5 }, { fail: 'ThrottlingException' })
    fixture.emulator.on('DescribeTable', { nth: 6, times: 5 }, { reset: 'before' })
    await fixture.clock.advance(2_000)
    fixture.emulator.enable()
    const written = fixture.write(1)
    const { value } = await fixture.clock.run(reading)
    expect(value?.newImage?.n).toBe(written[0])
    await fixture.clock.run(stream.close())
  })
})

describe('a Coordinator', () => {
  it.each(['moveTo', 'next', 'heartbeat'] as const)(
    'a Coordinator that is closed or aborted during %s() leaves no timer or listener',
    async (call) => {
      for (const stop of ['close', 'abort'] as const) {
        const { emulator, clock, controller, expectNothingLeft } = shutdownFixture()
        const coordinator = new Coordinator({
          client: emulator.api,
          streamArn: emulator.streamArn,
          clock,
          signal: controller.signal,
        })
        await clock.run(coordinator.moveTo('trim_horizon'))
        await clock.run(coordinator.next())
        await clock.advance(14 * 60_000)
        emulator.on('*', ALWAYS, { hang: true })
        const calls = {
          moveTo: () => coordinator.moveTo('latest'),
          next: () => coordinator.next(),
          heartbeat: () => coordinator.heartbeat(),
        }
        const waiting = calls[call]()
        waiting.catch(() => {})
        await clock.advance(10)
        if (stop === 'abort') controller.abort()
        else await coordinator.close()
        const [end] = await clock.run(Promise.allSettled([waiting]))
        if (call !== 'heartbeat') expect(end).toMatchObject({ reason: { code: 'closed' } })
        await coordinator.close()
        expectNothingLeft()
      }
    },
  )
})
