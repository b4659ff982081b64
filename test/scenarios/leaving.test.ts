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
const note = (error: unknown) => void unhandled.push(error)
beforeAll(() => void process.on('unhandledRejection', note))
afterAll(() => void process.off('unhandledRejection', note))
afterEach(async () => {
  // Rejections that nobody handles are told when all callbacks have run.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  expect(unhandled.splice(0)).toEqual([])
})

const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** A store whose saves hang, from a moment on and until they are let go on or fail. */
function hangingStore() {
  const store = memoryCheckpointStore()
  const waiting: { resolve(): void; reject(error: Error): void }[] = []
  let hangs = false
  return {
    hang: () => {
      hangs = true
    },
    waiting,
    store: {
      load: (name) => store.load(name),
      save: (name, token) =>
        hangs
          ? new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }))
          : store.save(name, token),
    } satisfies CheckpointStore,
  }
}

function world() {
  const table = emulatedTable()
  const { emulator, clock } = table
  const controller = new AbortController()
  const { hang, waiting, store } = hangingStore()
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
    hangingSaves: waiting,
    start: () => clock.run(openStream(options)),
    /** That nothing of ours is left behind. */
    expectNothingLeft: () => {
      expect(clock.untilNextTimer).toBeUndefined()
      expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    },
  }
}

type World = ReturnType<typeof world>

/** What a stream is busy with when it is left: begins that, and gives the promises that wait. */
const occupations: Record<
  string,
  (stream: DynamoDBStream, given: World) => Promise<readonly Promise<unknown>[]>
> = {
  'nothing at all': async () => [],
  'a moveTo whose listing hangs': async (stream, { emulator, clock }) => {
    emulator.on('DescribeStream', ALWAYS, { hang: true })
    const moving = stream.moveTo('trim_horizon')
    moving.catch(() => {})
    await clock.advance(10)
    return [moving]
  },
  'a moveTo whose shards cannot be opened': async (stream, { emulator, clock }) => {
    emulator.on('GetShardIterator', ALWAYS, { hang: true })
    const moving = stream.moveTo('latest')
    moving.catch(() => {})
    await clock.advance(10)
    return [moving]
  },
  'a read that hangs': async (stream, { emulator, clock }) => {
    emulator.on('GetRecords', ALWAYS, { hang: true })
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(10)
    return [reading]
  },
  'an iterator that cannot be opened': async (stream, { emulator, clock }) => {
    emulator.on('GetShardIterator', ALWAYS, { hang: true })
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(10)
    return [reading]
  },
  'a pause before the next try': async (stream, { emulator, clock }) => {
    emulator.on('GetRecords', ALWAYS, { fail: 'ThrottlingException' })
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(5_000)
    return [reading]
  },
  'waiting for a record': async (stream, { clock }) => {
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(10_000)
    return [reading]
  },
  'waiting for a batch to become full': async (stream, { clock, write }) => {
    write(1)
    const reading = stream.batches({ maxRecords: 10, maxWaitMs: 100_000 }).next()
    await clock.advance(5_000)
    return [reading]
  },
  'a search for children that hangs': async (stream, { emulator, clock }) => {
    const reading = stream[Symbol.asyncIterator]().next()
    await clock.advance(2_000)
    emulator.on('DescribeStream', ALWAYS, { hang: true })
    emulator.split()
    await clock.advance(2_000)
    return [reading]
  },
  'a heartbeat that hangs': async (stream, { emulator, clock }) => {
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

describe.each(Object.entries(occupations))('a stream that is left during %s', (_, occupy) => {
  it.each<[string, (stream: DynamoDBStream, given: World) => Promise<unknown>]>([
    ['close', (stream) => stream.close()],
    ['close twice', (stream) => Promise.all([stream.close(), stream.close()])],
    [
      'an abort, and then close',
      (stream, { controller }) => {
        controller.abort()
        return stream.close()
      },
    ],
    [
      'close, and then an abort',
      (stream, { controller }) => {
        const closing = stream.close()
        controller.abort()
        return closing
      },
    ],
  ])('by %s is gone within a second, and leaves nothing behind', async (_name, leave) => {
    const given = world()
    const stream = await given.start()
    const waiting = await occupy(stream, given)
    const before = given.clock.now()
    await given.clock.run(leave(stream, given))
    const ends = await given.clock.run(Promise.allSettled(waiting))
    expect(given.clock.now() - before).toBeLessThanOrEqual(1_000)
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'closed' })
    }
    given.expectNothingLeft()
    await expect(stream[Symbol.asyncIterator]().next()).resolves.toMatchObject({ done: true })
    given.expectNothingLeft()
  })

  it('by an abort alone leaves nothing behind, once the loop has seen it', async () => {
    const given = world()
    const stream = await given.start()
    const waiting = await occupy(stream, given)
    given.controller.abort()
    await given.clock.run(Promise.allSettled(waiting))
    await given.clock.run(stream[Symbol.asyncIterator]().next())
    given.expectNothingLeft()
  })
})

describe('an abort alone', () => {
  it('leaves nothing behind where no loop is under way', async () => {
    const given = world()
    await given.start()
    given.controller.abort()
    await given.clock.advance(11_000)
    given.expectNothingLeft()
  })

  it('ends a loop that is at work on a record, when it comes back', async () => {
    const given = world()
    given.write(3)
    const stream = await given.start()
    const seen: unknown[] = []
    await given.clock.run(async () => {
      for await (const { newImage } of stream) {
        seen.push(newImage?.n)
        given.controller.abort()
      }
    })
    expect(seen).toEqual([0])
    given.expectNothingLeft()
  })
})

describe('a stream whose checkpoint cannot be saved', () => {
  const workOn = async (given: World) => {
    given.write(3)
    const stream = await given.start()
    const records = stream[Symbol.asyncIterator]()
    await given.clock.run(records.next())
    given.hangSaves()
    await given.clock.run(records.next())
    expect(given.hangingSaves.length).toBe(1)
    return { stream, records }
  }

  it.each(['close', 'return'] as const)(
    'because the store hangs: %s tells after ten seconds',
    async (how) => {
      const given = world()
      const { stream, records } = await workOn(given)
      const before = given.clock.now()
      const leaving = how === 'close' ? stream.close() : records.return?.()
      await expect(given.clock.run(leaving as Promise<unknown>)).rejects.toMatchObject({
        code: 'checkpoint.failed',
      })
      expect(given.clock.now() - before).toBe(10_000)
      // The loop has thrown it.
      if (how === 'return') await given.clock.run(stream.close())
      given.expectNothingLeft()
    },
  )

  it('an answer of the store that comes after the end is not an unhandled rejection', async () => {
    for (const answer of ['resolve', 'reject'] as const) {
      const given = world()
      const { stream } = await workOn(given)
      await given.clock.run(stream.close().catch(() => {}))
      for (const save of given.hangingSaves) save[answer](new Error('too late'))
      await given.clock.advance(60_000)
      given.expectNothingLeft()
    }
  })

  it('because another worker has taken it over leaves nothing behind either', async () => {
    const given = world()
    const { stream, records } = await workOn(given)
    const conflict = Object.assign(new Error('taken'), { name: 'StreamError', code: 'checkpoint.conflict' })
    for (const save of given.hangingSaves) save.reject(conflict)
    await given.clock.advance(10)
    await expect(given.clock.run(records.next())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    // `await using` would make a SuppressedError of both.
    await given.clock.run(stream.close())
    given.expectNothingLeft()
  })
})

describe('openStream that is aborted', () => {
  const hanging: CheckpointStore = { load: () => new Promise(() => {}), save: async () => {} }

  it.each<[string, (given: World) => Partial<OpenStreamOptions>]>([
    [
      'while the shards are listed',
      ({ emulator }) => {
        emulator.on('DescribeStream', ALWAYS, { hang: true })
        return {}
      },
    ],
    [
      'while shards are opened',
      ({ emulator }) => {
        emulator.on('GetShardIterator', ALWAYS, { hang: true })
        return { startAt: 'latest' }
      },
    ],
    [
      'while it waits to list the shards again',
      ({ emulator }) => {
        emulator.on('DescribeStream', ALWAYS, { fail: 'InternalServerError' })
        return {}
      },
    ],
    ['while the checkpoint is loaded', () => ({ checkpoint: { store: hanging, name: 'worker' } })],
    [
      'while the table is looked up',
      ({ emulator }) => {
        emulator.on('DescribeTable', ALWAYS, { hang: true })
        return {
          streamArn: undefined,
          tableName: emulator.tableName,
          tableClient: emulator.tableClient(),
        }
      },
    ],
  ])('%s rejects with the reason, and leaves nothing behind', async (_, arrange) => {
    const given = world()
    const opening = openStream({ ...given.options, ...arrange(given) })
    let end: unknown = 'still opening'
    opening.then(
      () => {
        end = 'opened'
      },
      (error) => {
        end = error
      },
    )
    await given.clock.advance(5_000)
    const reason = new Error('enough')
    given.controller.abort(reason)
    await given.clock.advance(1_000)
    expect(end).toBe(reason)
    given.expectNothingLeft()
  })
})

describe('a stream that follows its table', () => {
  const follow = async (given: World) => {
    const { emulator, clock, options } = given
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

  it('and is closed, or aborted, while there is no next stream, is gone at once', async () => {
    for (const leave of ['close', 'abort'] as const) {
      const given = world()
      const { stream, reading } = await follow(given)
      const before = given.clock.now()
      if (leave === 'abort') given.controller.abort()
      else await given.clock.run(stream.close())
      expect(await given.clock.run(reading)).toMatchObject({ done: true })
      expect(given.clock.now()).toBe(before)
      given.expectNothingLeft()
    }
  })

  it('and is closed, or aborted, while the table does not answer, is gone at once', async () => {
    for (const leave of ['close', 'abort'] as const) {
      const given = world()
      const { stream, reading } = await follow(given)
      given.emulator.on('DescribeTable', ALWAYS, { hang: true })
      await given.clock.advance(2_000)
      let end: unknown = 'still waiting'
      reading.then((result) => {
        end = result
      }, note)
      if (leave === 'abort') given.controller.abort()
      else await given.clock.run(stream.close())
      await given.clock.advance(1_000)
      expect(end).toMatchObject({ done: true })
      given.expectNothingLeft()
    }
  })

  it.each(['close', 'abort'] as const)(
    'and is left by %s while the first listing of its next stream is throttled, is gone within a second',
    async (leave) => {
      const given = world()
      const { emulator, clock, controller } = given
      const { stream, reading } = await follow(given)
      emulator.on('DescribeStream', ALWAYS, { fail: 'ThrottlingException' })
      emulator.enable()
      await clock.advance(10_000)
      let end: unknown = 'still waiting'
      reading.then((result) => {
        end = result
      }, note)
      if (leave === 'abort') controller.abort()
      else await clock.run(stream.close())
      await clock.advance(1_000)
      expect(end).toMatchObject({ done: true })
      const calls = emulator.log.length
      await clock.advance(60_000)
      expect(emulator.log.length).toBe(calls)
      given.expectNothingLeft()
    },
  )

  it('goes on asking when the table is throttled or out of reach for a while', async () => {
    const given = world()
    const { stream, reading } = await follow(given)
    given.emulator.on('DescribeTable', { times: 5 }, { fail: 'ThrottlingException' })
    given.emulator.on('DescribeTable', { nth: 6, times: 5 }, { reset: 'before' })
    await given.clock.advance(2_000)
    given.emulator.enable()
    const written = given.write(1)
    const { value } = await given.clock.run(reading)
    expect(value?.newImage?.n).toBe(written[0])
    await given.clock.run(stream.close())
  })
})

describe('a Coordinator', () => {
  it.each(['moveTo', 'next', 'heartbeat'] as const)(
    'that is closed, or aborted, during %s leaves nothing behind',
    async (call) => {
      for (const leave of ['close', 'abort'] as const) {
        const { emulator, clock, controller, expectNothingLeft } = world()
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
        if (leave === 'abort') controller.abort()
        else await coordinator.close()
        const [end] = await clock.run(Promise.allSettled([waiting]))
        if (call !== 'heartbeat') expect(end).toMatchObject({ reason: { code: 'closed' } })
        await coordinator.close()
        expectNothingLeft()
      }
    },
  )
})
