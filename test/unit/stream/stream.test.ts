import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { StreamError } from '../../../src/core/errors.ts'
import {
  type CheckpointOptions,
  type CheckpointStore,
  type DynamoDBStream,
  memoryCheckpointStore,
  type OpenStreamOptions,
  openStream,
  type StreamRecord,
} from '../../../src/index.ts'
import { emulatedTable } from '../../support/emulated-table.ts'
import { numbersOf } from '../../support/read.ts'

function table(options: Parameters<typeof emulatedTable>[0] = {}) {
  const world = emulatedTable(options)
  const { emulator, clock } = world
  const store = memoryCheckpointStore()
  return {
    ...world,
    store,
    start: (overrides: Partial<OpenStreamOptions> = {}): Promise<DynamoDBStream> =>
      clock.run(
        openStream({
          streamArn: emulator.streamArn,
          client: emulator.api,
          clock,
          random: () => 0.5,
          checkpoint: { store, name: 'worker' },
          ...overrides,
        }),
      ),
    /** Reads `count` records and leaves the loop with the last one, which is therefore not acknowledged. */
    take: (stream: DynamoDBStream, count: number) =>
      clock.run(async () => {
        const records: StreamRecord[] = []
        for await (const record of stream) if (records.push(record) === count) break
        return numbersOf(records)
      }),
  }
}

describe('DynamoDBStream iteration', () => {
  it('the current record of a loop that is left is redelivered, in this process and after a restart', async () => {
    const { start, take, write, clock } = table()
    write(5)
    const stream = await start()
    expect(await take(stream, 2)).toEqual([0, 1])
    expect(await take(stream, 2)).toEqual([1, 2])
    await clock.run(stream.close())
    const next = await start()
    expect(await take(next, 3)).toEqual([2, 3, 4])
    await clock.run(next.close())
  })

  it('a record whose processing throws is redelivered after a restart', async () => {
    const { start, take, write, clock } = table()
    write(3)
    const stream = await start()
    const failing = clock.run(async () => {
      for await (const record of stream) if (record.newImage?.n === 1) throw new Error('poison')
    })
    await expect(failing).rejects.toThrow('poison')
    await clock.run(stream.close())
    const next = await start()
    expect(await take(next, 2)).toEqual([1, 2])
    await clock.run(next.close())
  })

  it('a loop ends without an error when the signal aborts, and the last checkpoint is saved', async () => {
    const { start, take, write, clock } = table()
    write(4)
    const controller = new AbortController()
    const stream = await start({ signal: controller.signal })
    const seen: number[] = []
    await clock.run(async () => {
      for await (const record of stream) {
        seen.push(...numbersOf([record]))
        if (seen.length === 3) controller.abort()
      }
    })
    expect(seen).toEqual([0, 1, 2])
    const next = await start()
    expect(await take(next, 1)).toEqual([3])
    await clock.run(next.close())
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a loop that is waiting for records ends when the signal aborts', async () => {
    const { start, clock } = table()
    const controller = new AbortController()
    const stream = await start({ signal: controller.signal })
    clock.setTimer(10_000, () => controller.abort())
    const count = await clock.run(async () => {
      let records = 0
      for await (const _ of stream) records++
      return records
    })
    expect(count).toBe(0)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a loop that is waiting for a response that never arrives ends when the stream is closed', async () => {
    const { start, clock, emulator } = table()
    const stream = await start()
    emulator.on('GetRecords', {}, { hang: true })
    const looping = (async () => {
      for await (const _ of stream) throw new Error('there is no record')
    })()
    await clock.advance(100)
    const startedAt = clock.now()
    await clock.run(stream.close())
    await clock.run(looping)
    expect(clock.now() - startedAt).toBeLessThan(1_000)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a loop ends when the stream is disabled and all its records have been delivered', async () => {
    const { start, clock, emulator, write } = table({ shards: 2 })
    write(6)
    emulator.disable()
    const stream = await start()
    const seen = await clock.run(async () => {
      const records: StreamRecord[] = []
      for await (const record of stream) records.push(record)
      return records
    })
    expect(numbersOf(seen).length).toBe(6)
  })

  it('a loop continues at the new position after moveTo() in its body', async () => {
    const { start, clock, write } = table()
    write(3)
    const stream = await start()
    const seen: number[] = []
    await clock.run(async () => {
      for await (const record of stream) {
        seen.push(...numbersOf([record]))
        if (seen.length === 3) await stream.moveTo('trim_horizon')
        if (seen.length === 6) break
      }
    })
    expect(seen).toEqual([0, 1, 2, 0, 1, 2])
    await clock.run(stream.close())
  })

  it('a waiting loop renews its shard iterators automatically', async () => {
    const { start, clock, write, emulator } = table()
    write(2)
    const stream = await start()
    const iterator = stream[Symbol.asyncIterator]()
    await clock.run(iterator.next())
    await clock.run(iterator.next())
    const waiting = iterator.next()
    await clock.advance(60 * 60_000)
    write(1)
    expect(numbersOf([(await clock.run(waiting)).value as StreamRecord])).toEqual([2])
    expect(emulator.log.filter(({ error }) => error !== undefined)).toEqual([])
    await clock.run(stream.close())
  })
})

/** Creates a checkpoint that another worker acquires after the first save. */
function conflictAfterFirstSave(store: CheckpointStore): CheckpointOptions {
  let saves = 0
  const save = async () => {
    if (++saves > 1)
      throw new StreamError('checkpoint.conflict', 'taken over by another worker', { name: 'worker' })
  }
  return { store: { ...store, save }, name: 'worker' }
}

describe('DynamoDBStream checkpoints', () => {
  it('checkpoints are saved after every everyRecords records', async () => {
    const { start, clock, write, store } = table()
    write(7)
    const stream = await start({ checkpoint: { store, name: 'worker', everyRecords: 3, everyMs: 1_000 } })
    const saved: number[] = []
    let current = -1
    stream.on('checkpointSaved', () => saved.push(current))
    await clock.run(async () => {
      for await (const record of stream) {
        current = numbersOf([record])[0] as number
        await Promise.resolve()
        if (current === 6) break
      }
    })
    expect(saved.length).toBeGreaterThanOrEqual(2)
    await clock.run(stream.close())
  })

  it('the position of latest is saved at the start, so a restart before the first record loses nothing', async () => {
    const { start, clock, write, take } = table()
    const stream = await start({ startAt: 'latest' })
    await clock.run(stream.close())
    write(2)
    const next = await start({ startAt: 'latest' })
    expect(await take(next, 2)).toEqual([0, 1])
    await clock.run(next.close())
  })

  it('the checkpoint of a stream without traffic follows its shards, so a restart after their expiry reports no gap', async () => {
    const { start, take, write, clock, emulator } = table()
    write(1)
    const stream = await start()
    const iterator = stream[Symbol.asyncIterator]()
    await clock.run(iterator.next())
    const waiting = iterator.next()
    for (let roll = 0; roll < 2; roll++) {
      emulator.roll()
      await clock.advance(4 * 3_600_000)
    }
    await clock.run(stream.close())
    await clock.run(waiting)
    await clock.advance(23 * 3_600_000)
    write(1)
    const next = await start()
    expect(await take(next, 1)).toEqual([1])
    await clock.run(next.close())
  })

  it('a checkpoint of another stream is rejected and left unchanged', async () => {
    const { start, clock, store, emulator } = table()
    const stream = await start()
    await clock.run(stream.close())
    const before = await store.load('worker')
    emulator.disable()
    emulator.enable()
    await expect(start()).rejects.toMatchObject({
      code: 'token.streamMismatch',
      message: expect.stringContaining(
        'set tableName and followTable to read the earlier one to its end first',
      ),
    })
    expect(await store.load('worker')).toEqual(before)
  })

  it('the error for a checkpoint of another table does not recommend followTable', async () => {
    const { start, emulator } = table()
    const streamArn = emulator.streamArn.replace('table/table', 'table/other')
    const store = { load: async () => ({ version: 1, streamArn, shards: [] }), save: async () => {} }
    const following = {
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
      followTable: true,
    }
    for (const options of [following, {}]) {
      await expect(start({ ...options, checkpoint: { store, name: 'worker' } })).rejects.toMatchObject({
        code: 'token.streamMismatch',
        message: expect.stringMatching(
          /\. Use another checkpoint name, or delete the checkpoint to start over\.$/,
        ),
      })
    }
  })

  it('a checkpoint that is not a valid token is rejected with the name of the field', async () => {
    const { start } = table()
    const store = { load: async () => ({ version: 1, streamArn: 5 }), save: async () => {} }
    await expect(start({ checkpoint: { store, name: 'worker' } })).rejects.toMatchObject({
      code: 'token.invalid',
      details: { field: 'streamArn' },
    })
  })

  it('a loop rejects with checkpoint.conflict when another worker acquires the checkpoint', async () => {
    const { start, clock, write, store } = table()
    write(10)
    const stream = await start({ checkpoint: { ...conflictAfterFirstSave(store), everyRecords: 1 } })
    const looping = clock.run(async () => {
      for await (const _ of stream) await Promise.resolve()
    })
    await expect(looping).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    await expect(clock.run(stream.close())).resolves.toBeUndefined()
  })

  it('close() rejects with a conflict that no loop has thrown', async () => {
    const { start, clock, write, store } = table()
    write(10)
    const stream = await start({ checkpoint: { ...conflictAfterFirstSave(store), everyRecords: 100 } })
    const records = stream[Symbol.asyncIterator]()
    await clock.run(records.next())
    await clock.run(records.next())
    await expect(clock.run(stream.close())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
  })

  it('close() does not retry for another ten seconds after leaving a loop has failed to save', async () => {
    const { start, clock, write, store } = table()
    write(10)
    let saves = 0
    const failing = {
      ...store,
      save: async () => {
        if (++saves > 1) throw new Error('disk full')
      },
    }
    const stream = await start({ checkpoint: { store: failing, name: 'worker', everyRecords: 100 } })
    const looping = clock.run(async () => {
      let seen = 0
      for await (const _ of stream) if (++seen === 3) break
    })
    await expect(looping).rejects.toMatchObject({ code: 'checkpoint.failed' })
    const before = clock.monotonic()
    await expect(clock.run(stream.close())).resolves.toBeUndefined()
    expect(clock.monotonic()).toBe(before)
  })
})

describe('DynamoDBStream.batches', () => {
  it('a batch contains up to maxRecords available records and is acknowledged by the next request', async () => {
    const { start, clock, write } = table()
    write(5)
    const stream = await start()
    const sizes: number[] = []
    await clock.run(async () => {
      for await (const batch of stream.batches({ maxRecords: 2 })) {
        sizes.push(batch.length)
        if (sizes.length === 2) break
      }
    })
    expect(sizes).toEqual([2, 2])
    await clock.run(stream.close())
    const next = await start()
    const rest = await clock.run(next.batches({ maxRecords: 10 }).next())
    expect(numbersOf(rest.value as StreamRecord[])).toEqual([2, 3, 4])
    await clock.run(next.close())
  })

  it('a batch waits up to maxWaitMs for more records', async () => {
    const { start, clock, write } = table()
    write(2)
    const stream = await start()
    clock.setTimer(3_000, () => write(2))
    const startedAt = clock.now()
    const first = await clock.run(stream.batches({ maxRecords: 10, maxWaitMs: 5_000 }).next())
    expect(numbersOf(first.value as StreamRecord[])).toEqual([0, 1, 2, 3])
    expect(clock.now() - startedAt).toBe(5_000)
    await clock.run(stream.close())
  })

  it.each([{ maxRecords: 0 }, { maxRecords: 10_001 }, { maxWaitMs: -1 }, { maxRecords: 1.5 }])(
    'batches() rejects the invalid options %o',
    async (options) => {
      const { start, clock } = table()
      const stream = await start()
      expect(() => stream.batches(options)).toThrow(/maxRecords|maxWaitMs/)
      await clock.run(stream.close())
    },
  )
})

describe('DynamoDBStream interoperability', () => {
  it('a stream can be converted with Readable.from()', async () => {
    const { start, clock, write, emulator } = table()
    write(5)
    emulator.disable()
    const stream = await start()
    const seen = await clock.run(Readable.from(stream).toArray())
    expect(numbersOf(seen)).toEqual([0, 1, 2, 3, 4])
  })

  it('a stream can be converted with ReadableStream.from()', async () => {
    const { start, clock, write, emulator } = table()
    write(5)
    emulator.disable()
    const stream = await start()
    const web = (ReadableStream as unknown as { from(it: unknown): ReadableStream<StreamRecord> }).from(
      stream,
    )
    const reader = web.getReader()
    const seen: StreamRecord[] = []
    await clock.run(async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) seen.push(next.value)
    })
    expect(numbersOf(seen)).toEqual([0, 1, 2, 3, 4])
  })
})

describe('openStream', () => {
  it('openStream finds the stream of a table', async () => {
    const { start, take, write, clock, emulator } = table()
    write(1)
    const stream = await start({
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
    })
    expect(stream.streamArn).toBe(emulator.streamArn)
    expect(await take(stream, 1)).toEqual([0])
    await clock.run(stream.close())
  })

  it('openStream rejects with stream.notFound if the table does not exist', async () => {
    const { start, emulator } = table()
    const options = { streamArn: undefined, tableName: 'missing', tableClient: emulator.tableClient() }
    await expect(start(options)).rejects.toMatchObject({
      code: 'stream.notFound',
      message: expect.stringContaining('There is no table "missing" in this region and account.'),
    })
  })

  it('followTable continues with the next stream after streaming was disabled and enabled again', async () => {
    const { start, take, write, clock, emulator } = table()
    const options = {
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
      followTable: true,
    }
    const stream = await start(options)
    write(2)
    emulator.disable()
    clock.setTimer(300_000, () => {
      emulator.enable()
      write(2)
    })
    expect(await take(stream, 4)).toEqual([0, 1, 2, 3])
    await clock.run(stream.close())
    // The checkpoint may belong to the old stream or to the new one.
    const next = await start(options)
    expect(await take(next, 1)).toEqual([3])
    await clock.run(next.close())
  })

  it('followTable reads every stream of the table, including those that were disabled again', async () => {
    const { start, take, write, clock, emulator } = table()
    const options = {
      client: emulator.client(),
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
      followTable: true,
    }
    const stream = await start(options)
    write(2)
    for (let stage = 0; stage < 3; stage++) {
      emulator.disable()
      clock.jump(3_600_000)
      emulator.enable()
      write(1)
    }
    expect(await take(stream, 5)).toEqual([0, 1, 2, 3, 4])
    await clock.run(stream.close())
  })

  it.each([
    [{ streamArn: undefined }, 'streamArn'],
    [{ streamArn: 'arn:aws:sqs:eu-west-1:1:queue' }, 'streamArn'],
    [{ tableName: 'orders' }, 'streamArn'],
    [{ pageSize: 1001 }, 'pageSize'],
    [{ pageSize: 0 }, 'pageSize'],
    [{ maxBufferedBytes: 10 }, 'maxBufferedBytes'],
    [{ maxConcurrentReads: 0.5 }, 'maxConcurrentReads'],
    [{ idlePollMs: { min: -1 } }, 'idlePollMs.min'],
    [{ idlePollMs: { min: 500, max: 400 } }, 'idlePollMs.max'],
    [{ discoveryIntervalMs: 1 }, 'discoveryIntervalMs'],
    [{ onGap: 'ignore' }, 'onGap'],
    [{ followTable: true }, 'followTable'],
    [{ checkpoint: { store: memoryCheckpointStore(), name: '' } }, 'checkpoint.name'],
    [{ checkpoint: { store: {}, name: 'a' } }, 'checkpoint.store'],
    [
      { checkpoint: { store: memoryCheckpointStore(), name: 'a', everyRecords: 0 } },
      'checkpoint.everyRecords',
    ],
    [{ checkpoint: { store: memoryCheckpointStore(), name: 'a', everyMs: 1 } }, 'checkpoint.everyMs'],
  ])('openStream rejects %o before it makes a call', async (options, option) => {
    const { start, emulator } = table()
    await expect(start(options as never)).rejects.toMatchObject({
      code: 'options.invalid',
      details: { option },
    })
    expect(emulator.log).toEqual([])
  })
})
