import { describe, expect, it } from 'vitest'
import { type CheckpointStore, memoryCheckpointStore, StreamError } from '../../../src/index.ts'
import { attachRun, numbersIn } from '../../support/fake-run.ts'
import { streamFixture } from '../../support/stream-fixture.ts'

const HOUR = 3_600_000
const never = new AbortController().signal

/** A store that passes on saves, each of which can be made to fail or hang. */
function controlledStore() {
  const store = memoryCheckpointStore()
  let step: () => Promise<void> = async () => {}
  const saves = { count: 0 }
  return {
    saves,
    /** Calls `next` before each save from now on. */
    beforeSave: (next: () => Promise<void>) => {
      step = next
    },
    store: {
      load: store.load,
      save: async (name, token) => {
        await step()
        saves.count++
        await store.save(name, token)
      },
    } satisfies CheckpointStore,
  }
}

describe('RecordSource', () => {
  it('a run takes the records in order and settles them in any order', async () => {
    const { start, clock, write, takeAfterRestart } = streamFixture()
    write(4)
    const stream = await start()
    const run = attachRun(stream, clock)
    const [a, b, c, d] = await run.take(4)
    expect(numbersIn([a, b, c, d].flatMap((delivery) => delivery ?? []))).toEqual([0, 1, 2, 3])
    expect(run.source.take()).toBeUndefined()
    run.settle(d, a)
    await clock.run(run.source.save())
    run.source.detach([b, c].flatMap((delivery) => delivery ?? []))
    await clock.run(stream.close())
    expect(await takeAfterRestart(1)).toEqual([1])
  })

  it('wait() resolves when a record arrives, when its signal aborts, and at once at the end of the stream', async () => {
    const { start, clock, write, emulator } = streamFixture()
    const stream = await start()
    const { source, take } = attachRun(stream, clock)
    const controller = new AbortController()
    clock.setTimer(30_000, () => controller.abort())
    const startedAt = clock.now()
    const waitUntilAborted = async () => {
      while (!controller.signal.aborted) await source.wait(controller.signal)
    }
    await clock.run(waitUntilAborted())
    expect(clock.now() - startedAt).toBe(30_000)
    await clock.run(source.wait(controller.signal))
    expect(clock.now() - startedAt).toBe(30_000)
    clock.setTimer(30_000, () => void write(1))
    expect(numbersIn(await take(1))).toEqual([0])
    emulator.disable()
    expect(await take(1)).toEqual([])
    expect(source.isEnded).toBe(true)
    const endedAt = clock.now()
    await clock.run(source.wait(never))
    expect(clock.now()).toBe(endedAt)
    expect(await source.advance(never)).toBe(false)
    source.detach()
    await clock.run(stream.close())
  })

  it('wait() resolves at once while records that an earlier loop left are waiting', async () => {
    const { start, clock, write, take } = streamFixture()
    write(1)
    const stream = await start()
    expect(await take(stream, 1)).toEqual([0])
    const { source } = attachRun(stream, clock)
    const before = clock.now()
    await clock.run(source.wait(never))
    expect(clock.now()).toBe(before)
    source.detach()
    await clock.run(stream.close())
  })

  it('a stream whose last records are redelivered has ended only after the run has taken them', async () => {
    const { start, clock, write, take, emulator } = streamFixture()
    write(2)
    emulator.disable()
    const stream = await start()
    const batches = stream.batches({ maxRecords: 10, maxWaitMs: 300_000 })
    // A batch that is not full is delivered before maxWaitMs only if the stream has ended.
    expect(await take(batches, 2)).toEqual([0, 1])
    const run = attachRun(stream, clock)
    expect(run.source.isEnded).toBe(false)
    const taken = await run.take(3)
    expect(numbersIn(taken)).toEqual([0, 1])
    expect(run.source.isEnded).toBe(true)
    run.source.detach(taken)
    await clock.run(stream.close())
  })

  it('a run continues with the next stream of the table and saves a checkpoint of it', async () => {
    const { start, clock, write, emulator, store } = streamFixture()
    const stream = await start({
      client: emulator.client(),
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
      followTable: true,
    })
    const run = attachRun(stream, clock)
    const firstArn = run.source.streamArn
    write(2)
    emulator.disable()
    run.settle(...(await run.take(3)))
    expect(run.source.isEnded).toBe(true)
    clock.setTimer(300_000, () => {
      emulator.enable()
      write(2)
    })
    expect(await clock.run(run.source.advance(never))).toBe(true)
    expect(run.source.isEnded).toBe(false)
    expect([run.source.streamArn, stream.streamArn]).toEqual([emulator.streamArn, emulator.streamArn])
    expect(run.source.streamArn).not.toBe(firstArn)
    await clock.advance(5_000)
    expect(await store.load('worker')).toMatchObject({ streamArn: emulator.streamArn })
    const taken = await run.take(2)
    expect(numbersIn(taken)).toEqual([2, 3])
    run.source.detach(taken)
    await clock.run(stream.close())
  })

  it('advance() ends when its signal aborts or the stream is closed, and only then reports the end', async () => {
    const { start, clock, emulator } = streamFixture()
    const stream = await start({
      streamArn: undefined,
      tableName: emulator.tableName,
      tableClient: emulator.tableClient(),
      followTable: true,
    })
    const { source, take, finish } = attachRun(stream, clock)
    emulator.disable()
    await take(1)
    const controller = new AbortController()
    clock.setTimer(HOUR, () => controller.abort())
    expect(await clock.run(source.advance(controller.signal))).toBe(true)
    expect(source.isEnded).toBe(true)
    const advancing = source.advance(never)
    await clock.advance(1_000)
    const closing = stream.close()
    expect(await clock.run(advancing)).toBe(false)
    finish()
    await clock.run(closing)
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('take() throws records.trimmed as a loop does', async () => {
    const { start, clock, write } = streamFixture()
    write(1)
    const stream = await start()
    write(1)
    await clock.advance(30 * HOUR)
    const run = attachRun(stream, clock)
    await expect(run.take(2)).rejects.toMatchObject({ code: 'records.trimmed' })
    run.source.detach()
    await clock.run(stream.moveTo('trim_horizon'))
    await clock.run(stream.close())
  })

  it('take() throws an error of the credentials unchanged, and the run can continue', async () => {
    const { start, clock, write, emulator } = streamFixture()
    const stream = await start()
    const run = attachRun(stream, clock)
    write(1)
    emulator.on('GetRecords', {}, { fail: 'ExpiredTokenException' })
    await expect(run.take(1)).rejects.toMatchObject({ name: 'ExpiredTokenException' })
    const taken = await run.take(1)
    expect(numbersIn(taken)).toEqual([0])
    run.source.detach(taken)
    await clock.run(stream.close())
  })

  it('the lag of a stream counts from the oldest record that a run has not settled', async () => {
    const { start, clock, write } = streamFixture()
    write(2)
    const stream = await start()
    const run = attachRun(stream, clock)
    const [first, second] = await run.take(2)
    await clock.advance(HOUR)
    run.settle(second)
    expect(run.source.lag.millisBehindLatest).toBeGreaterThanOrEqual(HOUR)
    run.settle(first)
    await clock.run(run.source.wait(never))
    expect(run.source.lag).toEqual(stream.lag())
    expect(run.source.lag.millisBehindLatest).toBeLessThan(HOUR)
    run.source.detach()
    await clock.run(stream.close())
  })

  it('shard iterators are renewed while a paused run takes no records', async () => {
    const { start, clock, write, emulator } = streamFixture()
    write(1)
    const stream = await start()
    const run = attachRun(stream, clock)
    run.settle(...(await run.take(1)))
    await clock.advance(HOUR)
    const written = write(1)
    expect(numbersIn(await run.take(1))).toEqual(written)
    expect(emulator.log.filter(({ error }) => error !== undefined)).toEqual([])
    run.source.detach()
    await clock.run(stream.close())
  })
})

describe('RecordSource with a checkpoint', () => {
  it('the checkpoint is saved after everyRecords settled records, and everyMs after another change', async () => {
    const { start, clock, write } = streamFixture()
    const { store, saves } = controlledStore()
    write(3)
    const checkpoint = { store, name: 'worker', everyRecords: 2, everyMs: 1_000 }
    const stream = await start({ checkpoint })
    const run = attachRun(stream, clock)
    const [a, b, c] = await run.take(3)
    await clock.advance(1_000)
    const before = saves.count
    run.settle(a, b)
    await clock.advance(0)
    expect(saves.count).toBe(before + 1)
    run.source.changed()
    await clock.advance(999)
    expect(saves.count).toBe(before + 1)
    await clock.advance(1)
    expect(saves.count).toBe(before + 2)
    run.settle(c)
    run.source.detach()
    await clock.run(stream.close())
    expect(saves.count).toBe(before + 3)
  })

  it('save() resolves at once if everything is saved, and saves what has changed otherwise', async () => {
    const { start, clock, write } = streamFixture()
    const { store, saves } = controlledStore()
    write(1)
    const stream = await start({ checkpoint: { store, name: 'worker' } })
    const run = attachRun(stream, clock)
    const [delivery] = await run.take(1)
    await clock.run(run.source.save())
    const before = saves.count
    await clock.run(run.source.save())
    expect(saves.count).toBe(before)
    run.settle(delivery)
    await clock.run(run.source.save())
    expect(saves.count).toBe(before + 1)
    run.source.detach()
    await clock.run(stream.close())
  })

  it('save() rejects with checkpoint.failed after 10 s, and succeeds once the store works again', async () => {
    const { start, clock } = streamFixture()
    const { store, saves, beforeSave } = controlledStore()
    const stream = await start({ checkpoint: { store, name: 'worker' } })
    const { source } = attachRun(stream, clock)
    beforeSave(async () => {
      throw new Error('disk full')
    })
    source.changed()
    const before = clock.now()
    await expect(clock.run(source.save())).rejects.toMatchObject({
      code: 'checkpoint.failed',
      cause: { message: 'disk full' },
    })
    expect(clock.now() - before).toBe(10_000)
    const count = saves.count
    beforeSave(async () => {})
    await clock.run(source.save())
    expect(saves.count).toBe(count + 1)
    source.detach()
    await clock.run(stream.close())
  })

  it('save() rejects as soon as its signal aborts', async () => {
    const { start, clock } = streamFixture()
    const { store, beforeSave } = controlledStore()
    const stream = await start({ checkpoint: { store, name: 'worker' } })
    const { source } = attachRun(stream, clock)
    let finishSave = () => {}
    beforeSave(
      () =>
        new Promise((resolve) => {
          finishSave = resolve
        }),
    )
    source.changed()
    const controller = new AbortController()
    const before = clock.now()
    clock.setTimer(2_000, () => controller.abort())
    await expect(clock.run(source.save(controller.signal))).rejects.toMatchObject({
      code: 'checkpoint.failed',
    })
    expect(clock.now() - before).toBe(2_000)
    finishSave()
    source.detach()
    await clock.run(stream.close())
  })

  it('without a checkpoint, a run has no name and no epoch, saves nothing and never loses a lease', async () => {
    const { start, clock, write } = streamFixture()
    write(1)
    const stream = await start({ checkpoint: undefined })
    const run = attachRun(stream, clock)
    expect([run.source.name, run.source.epoch]).toEqual([undefined, undefined])
    run.settle(...(await run.take(1)))
    run.source.changed()
    await run.source.save()
    expect(run.source.lost.aborted).toBe(false)
    run.source.detach()
    await clock.run(stream.close())
  })

  it('a run has the fencing number of the lease, and none with a store without leases', async () => {
    const { start, clock } = streamFixture()
    const { store } = controlledStore()
    for (const epoch of [undefined, 7]) {
      const lease = async () => ({
        token: undefined,
        epoch: 7,
        lost: never,
        save: async () => {},
        release: async () => {},
      })
      const leasing = epoch === undefined ? store : { ...store, lease }
      const stream = await start({ checkpoint: { store: leasing, name: 'indexer' } })
      const { source } = attachRun(stream, clock)
      expect([source.name, source.epoch]).toEqual(['indexer', epoch])
      source.detach()
      await clock.run(stream.close())
    }
  })

  it('a lease that the store reports as lost stops the run, and close() does not throw the same error again', async () => {
    const { start, clock, write } = streamFixture()
    const lost = new AbortController()
    const conflict = new StreamError('checkpoint.conflict', 'Another worker.', { name: 'worker' })
    let saves = 0
    const lease = async () => ({
      token: undefined,
      epoch: 1,
      lost: lost.signal,
      save: async () => void saves++,
      release: async () => {},
    })
    const stream = await start({
      checkpoint: { store: { ...memoryCheckpointStore(), lease }, name: 'worker' },
    })
    write(2)
    const run = attachRun(stream, clock)
    const taken = await run.take(1)
    const before = saves
    lost.abort(conflict)
    expect(run.source.lost.reason).toBe(conflict)
    expect(() => run.source.take()).toThrow(conflict)
    run.settle(...taken)
    await expect(clock.run(run.source.save())).rejects.toBe(conflict)
    expect(saves).toBe(before)
    run.source.detach()
    await clock.run(stream.close())
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('a conflict that a save detects aborts the lost signal of the run', async () => {
    const { start, clock, write } = streamFixture()
    const { store, beforeSave } = controlledStore()
    const stream = await start({ checkpoint: { store, name: 'worker' } })
    write(1)
    const run = attachRun(stream, clock)
    const conflict = new StreamError('checkpoint.conflict', 'Another worker.', { name: 'worker' })
    beforeSave(async () => {
      throw conflict
    })
    run.settle(...(await run.take(1)))
    await clock.advance(5_000)
    expect(run.source.lost.reason).toBe(conflict)
    run.source.detach()
    await clock.run(stream.close())
  })

  it('close() throws a conflict that occurs after the run has detached', async () => {
    const { start, clock } = streamFixture()
    const { store, beforeSave } = controlledStore()
    const stream = await start({ checkpoint: { store, name: 'worker' } })
    const { source } = attachRun(stream, clock)
    source.changed()
    source.detach()
    beforeSave(async () => {
      throw new StreamError('checkpoint.conflict', 'Another worker.', { name: 'worker' })
    })
    await clock.advance(5_000)
    await expect(clock.run(stream.close())).rejects.toMatchObject({ code: 'checkpoint.conflict' })
  })

  it('close() does not throw a failed save of the run again, but saves what has changed since', async () => {
    const { start, clock, write, take } = streamFixture()
    const { store, saves, beforeSave } = controlledStore()
    const options = { checkpoint: { store, name: 'worker' } }
    for (const changesLater of [false, true]) {
      const stream = await start(options)
      write(1)
      const run = attachRun(stream, clock)
      const taken = await run.take(1)
      beforeSave(async () => {
        throw new Error('disk full')
      })
      run.source.changed()
      await expect(clock.run(run.source.save())).rejects.toMatchObject({ code: 'checkpoint.failed' })
      beforeSave(async () => {})
      const before = saves.count
      if (changesLater) run.settle(...taken)
      run.source.detach(taken)
      await clock.run(stream.close())
      expect(saves.count).toBe(changesLater ? before + 1 : before)
    }
    const next = await start(options)
    expect(await take(next, 1)).toEqual([1])
    await clock.run(next.close())
  })
})
