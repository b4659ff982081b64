import { describe, expect, it } from 'vitest'
import { memoryCheckpointStore, processStream, StreamError, type StreamRecord } from '../../../src/index.ts'
import { keyOf, numberOf, workerFixture } from './worker.ts'

/** Collects the unhandled rejections of the process until it is stopped. */
function unhandledRejections(): { readonly reasons: unknown[]; stop(): void } {
  const reasons: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  const listener = (reason: unknown) => void reasons.push(reason)
  process.on('unhandledRejection', listener)
  return {
    reasons,
    stop: () => {
      process.off('unhandledRejection', listener)
      for (const other of others) process.on('unhandledRejection', other)
    },
  }
}

const busy = { code: 'stream.busy' }

describe('a run of processStream and its stream', () => {
  it('while it runs, loops, batches, moveTo and other runs reject with stream.busy, and change nothing', async () => {
    const { clock, put, work } = workerFixture()
    put('a')
    const seen: number[] = []
    const { stream, run, stop } = await work((record: StreamRecord) => void seen.push(numberOf(record)))
    await clock.advance(1_000)
    await expect(clock.run(stream[Symbol.asyncIterator]().next())).rejects.toMatchObject(busy)
    await expect(clock.run(stream.batches().next())).rejects.toMatchObject(busy)
    await expect(clock.run(stream.moveTo('trim_horizon'))).rejects.toMatchObject(busy)
    const second = processStream(stream, () => {})
    await expect(clock.run(second)).rejects.toMatchObject(busy)
    expect(second.health()).toEqual({
      state: 'failed',
      lastProgressAt: undefined,
      oldestUnsettledAt: undefined,
    })
    expect(second.counters.records).toBe(0)
    await second[Symbol.asyncDispose]()
    put('a')
    await clock.advance(5_000)
    expect(seen).toEqual([0, 1])
    expect(run.health().state).toBe('running')
    await stop()
  })

  it('a run does not start while a loop is reading, and the loop continues', async () => {
    const { clock, start, put, collect } = workerFixture()
    const stream = await start()
    const { seen } = collect(stream)
    await clock.advance(1_000)
    await expect(clock.run(processStream(stream, () => {}))).rejects.toMatchObject(busy)
    put('a')
    await clock.advance(10_000)
    expect(seen).toEqual([0])
    await clock.run(stream.close())
  })

  it('closing the stream ends the run like stop(), and waits for its handlers and its checkpoint', async () => {
    const { clock, put, work, savedEntries } = workerFixture()
    put('a')
    put('b')
    let finish = () => {}
    const { stream, run } = await work((record: StreamRecord) =>
      keyOf(record) === 'a' ? new Promise<void>((resolve) => (finish = resolve)) : undefined,
    )
    await clock.advance(2_000)
    let isClosed = false
    const closing = stream.close().then(() => {
      isClosed = true
    })
    await clock.advance(3_000)
    expect(isClosed).toBe(false)
    expect(run.health().state).toBe('stopping')
    finish()
    await clock.run(closing)
    expect(await run).toMatchObject({ records: 2, handled: 2 })
    expect(savedEntries()).toEqual([])
  })

  it('the signal of the stream ends the run like stop(), with time for its handlers', async () => {
    const { clock, put, work } = workerFixture()
    put('a')
    const controller = new AbortController()
    let finish = () => {}
    const signals: AbortSignal[] = []
    const { run } = await work(
      (_: StreamRecord, { signal }: { signal: AbortSignal }) => {
        signals.push(signal)
        return new Promise<void>((resolve) => (finish = resolve))
      },
      {},
      { signal: controller.signal },
    )
    await clock.advance(2_000)
    controller.abort()
    await clock.advance(1_000)
    expect(signals[0]?.aborted).toBe(false)
    finish()
    expect(await clock.run(run)).toMatchObject({ handled: 1 })
  })

  it('works without a checkpoint: the epoch is undefined, and saving is no reason to wait', async () => {
    const { clock, emulator, put, start } = workerFixture()
    for (const key of ['a', 'b', 'a']) put(key)
    emulator.disable()
    const stream = await start({ checkpoint: undefined })
    const epochs: unknown[] = []
    const summary = await clock.run(
      processStream(stream, (_: StreamRecord, { epoch }) => void epochs.push(epoch)),
    )
    expect(summary).toMatchObject({ records: 3, handled: 3 })
    expect(epochs).toEqual([undefined, undefined, undefined])
  })

  it('a run over a closed stream resolves without a record', async () => {
    const { clock, put, start } = workerFixture()
    put('a')
    const stream = await start()
    await clock.run(stream.close())
    expect(await clock.run(processStream(stream, () => {}))).toMatchObject({ records: 0 })
  })

  it('stop() returns the run itself, also when it is called twice and after the end', async () => {
    const { clock, put, start } = workerFixture()
    put('a')
    const stream = await start()
    const run = processStream(stream, () => {})
    await clock.advance(1_000)
    const stopped = [run.stop(), run.stop()]
    const summaries = await clock.run(Promise.all([run, ...stopped]))
    expect(new Set(summaries).size).toBe(1)
    expect(await run.stop()).toBe(summaries[0])
    await clock.run(stream.close())
  })

  it('with await using, a run ends when its block is left, and its error is not thrown twice', async () => {
    const { clock, put, work } = workerFixture()
    put('a')
    const { run, stream } = await work(
      () => {
        throw new Error('broken')
      },
      { retry: { maxAttempts: 1 } },
    )
    await clock.advance(2_000)
    await clock.run(run[Symbol.asyncDispose]())
    await expect(run).rejects.toMatchObject({ code: 'handler.failed' })
    await clock.run(stream.close())
  })

  it('a run that fails is an unhandled rejection if it is not awaited, and only then', async () => {
    const { clock, put, start } = workerFixture()
    put('a')
    const unhandled = unhandledRejections()
    try {
      const fail = () => {
        throw new Error('broken')
      }
      const options = { retry: { maxAttempts: 1 } }
      const stream = await start()
      await expect(clock.run(processStream(stream, fail, options))).rejects.toBeInstanceOf(StreamError)
      await clock.advance(1_000)
      expect(unhandled.reasons).toEqual([])
      void processStream(stream, fail, options)
      await clock.advance(1_000)
      expect(unhandled.reasons).toMatchObject([{ code: 'handler.failed' }])
      await clock.run(stream.close())
    } finally {
      unhandled.stop()
    }
  })

  it('a worker whose checkpoint another one has acquired rejects with the conflict and saves nothing', async () => {
    const { clock, put, work, savedEntries } = workerFixture()
    put('a')
    const aborted: unknown[] = []
    const first = await work((_: StreamRecord, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => aborted.push(signal.reason))
      return new Promise(() => {})
    })
    await clock.advance(2_000)
    const handled: number[] = []
    const second = await work((record: StreamRecord) => void handled.push(numberOf(record)))
    await clock.advance(500)
    put('b')
    await expect(clock.run(first.run)).rejects.toMatchObject({ code: 'checkpoint.conflict' })
    // Both of its handlers: it had read the second record before it noticed.
    expect(aborted).toMatchObject([{ code: 'checkpoint.conflict' }, { code: 'checkpoint.conflict' }])
    await clock.run(first.stream.close())
    await clock.advance(10_000)
    expect(handled).toEqual([0, 1])
    await second.stop()
    expect(savedEntries()).toEqual([])
  })

  it('rejects with checkpoint.failed if the last checkpoint cannot be saved', async () => {
    const { clock, put, start } = workerFixture()
    put('a')
    let isDown = false
    const inner = memoryCheckpointStore()
    const store = {
      load: inner.load,
      save: async (...parameters: Parameters<typeof inner.save>) => {
        if (isDown) throw new Error('no space')
        await inner.save(...parameters)
      },
    }
    const stream = await start({ checkpoint: { store, name: 'worker' } })
    const run = processStream(stream, () => {
      isDown = true
    })
    await clock.advance(1_000)
    await expect(clock.run(run.stop())).rejects.toMatchObject({ code: 'checkpoint.failed' })
    isDown = false
    await clock.run(stream.close())
  })
})

describe('a run of processStream with followTable', () => {
  it('opens the next stream when all records of the former one are settled, and not before', async () => {
    const { clock, emulator, put, start } = workerFixture()
    put('a')
    put('b')
    const stream = await start({
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
      followTable: true,
    } as never)
    let isBroken = true
    const handled: number[] = []
    const reasons: string[] = []
    const run = processStream(
      stream,
      (record: StreamRecord) => {
        if (keyOf(record) === 'a' && isBroken) throw new Error('broken')
        handled.push(numberOf(record))
      },
      { retry: { maxAttempts: 1_000_000, maxDelayMs: 5_000 } },
    )
    run.on('stalled', ({ reason }) => reasons.push(reason))
    const formerArn = stream.streamArn
    await clock.advance(2_000)
    emulator.disable()
    await clock.advance(1_000)
    emulator.enable()
    put('c')
    await clock.advance(600_000)
    expect(handled).toEqual([1])
    expect(reasons).toEqual(['nextStream'])
    expect(stream.streamArn).toBe(formerArn)
    isBroken = false
    await clock.advance(120_000)
    expect(handled).toEqual([1, 0, 2])
    expect(stream.streamArn).not.toBe(formerArn)
    await clock.run(run.stop())
    await clock.run(stream.close())
  })

  it('counts the unsettled records of a former stream that has been deleted as lost', async () => {
    const { clock, emulator, put, work } = workerFixture()
    const follow = {
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
    }
    const open = { ...follow, followTable: true } as never
    for (const key of ['a', 'b', 'c', 'd']) put(key)
    const handled: number[] = []
    const handler = (record: StreamRecord) => {
      if (keyOf(record) < 'c') throw new Error('broken')
      handled.push(numberOf(record))
    }
    const first = await work(handler, { retry: { maxAttempts: 1_000_000 } }, open)
    await clock.advance(20_000)
    await first.stop()
    emulator.disable()
    await clock.advance(30 * 3_600_000)
    emulator.enable()
    put('e')
    const second = await work(handler, {}, { ...(open as object), onGap: 'continue' })
    await clock.advance(20_000)
    expect(handled).toEqual([2, 3, 4])
    expect(second.run.counters).toMatchObject({ lost: 2, handled: 1 })
    await second.stop()
  })
})
