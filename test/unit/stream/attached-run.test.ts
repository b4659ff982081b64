import { describe, expect, it } from 'vitest'
import type { DynamoDBStream, OpenStreamOptions } from '../../../src/index.ts'
import { attachRun, numbersIn } from '../../support/fake-run.ts'
import { streamFixture } from '../../support/stream-fixture.ts'

const never = new AbortController().signal

/** Returns a function that reports how a promise has settled: its value, its error, or 'pending'. */
function outcomeOf(promise: Promise<unknown>): () => unknown {
  let outcome: unknown = 'pending'
  promise.then(
    (value) => {
      outcome = value
    },
    (error: unknown) => {
      outcome = error
    },
  )
  return () => outcome
}

/** Opens a stream with `count` records and attaches a run that has taken `taken` of them. */
async function withRun(count: number, taken: number, options: Partial<OpenStreamOptions> = {}) {
  const fixture = streamFixture()
  fixture.write(count)
  const stream = await fixture.start(options)
  const run = attachRun(stream, fixture.clock)
  return { ...fixture, stream, run, deliveries: await run.take(taken) }
}

function busy(end: string) {
  return {
    code: 'stream.busy',
    message: `A processStream run is reading this stream. Stop it with run.stop() and wait until it has ended before you ${end}.`,
  }
}

describe('DynamoDBStream.attach', () => {
  it('a stream that a run is reading rejects loops, moveTo() and a second run, and acknowledges nothing', async () => {
    const { clock, stream, run, deliveries } = await withRun(3, 1)
    const before = stream.token
    for (const loop of [stream[Symbol.asyncIterator](), stream.batches()]) {
      await expect(clock.run<unknown>(loop.next())).rejects.toMatchObject(busy('start a loop'))
    }
    await expect(stream.moveTo('latest')).rejects.toMatchObject(busy('call moveTo'))
    expect(() => attachRun(stream, clock)).toThrow(expect.objectContaining(busy('start another one')))
    expect(stream.token).toEqual(before)
    run.settle(...deliveries)
    expect(numbersIn(await run.take(2))).toEqual([1, 2])
    run.source.detach()
    await clock.run(stream.close())
  })

  it('a run is rejected while a loop is reading the stream, and can start once the loop was left', async () => {
    const { clock, start, write } = streamFixture()
    write(2)
    const stream = await start()
    const loop = stream[Symbol.asyncIterator]()
    await clock.run(loop.next())
    expect(() => attachRun(stream, clock)).toThrow(
      expect.objectContaining({
        code: 'stream.busy',
        message: 'A loop is reading this stream. Leave the loop before you start a processStream run.',
      }),
    )
    await clock.run(async () => loop.return?.())
    const run = attachRun(stream, clock)
    expect(numbersIn(await run.take(2))).toEqual([0, 1])
    run.source.detach()
    await clock.run(stream.close())
  })

  it('a run is rejected while moveTo() is pending', async () => {
    const { clock, start, write } = streamFixture()
    write(2)
    const stream = await start({ startAt: 'latest' })
    const moving = stream.moveTo('trim_horizon')
    expect(() => attachRun(stream, clock)).toThrow(
      expect.objectContaining({
        code: 'stream.busy',
        message: 'A call of moveTo() is pending. Await it before you start a processStream run.',
      }),
    )
    await clock.run(moving)
    const run = attachRun(stream, clock)
    expect(numbersIn(await run.take(2))).toEqual([0, 1])
    run.source.detach()
    await clock.run(stream.close())
  })
})

describe('RecordSource.detach', () => {
  it('a run that detaches leaves its unsettled records to the next loop, in order and before all others', async () => {
    const { clock, stream, run, deliveries, take, takeAfterRestart } = await withRun(6, 4)
    const [a, b, c, d] = deliveries
    run.settle(c)
    run.source.detach([a, b, c, d].flatMap((delivery) => delivery ?? []))
    expect(await take(stream, 4)).toEqual([0, 1, 3, 4])
    await clock.run(stream.close())
    expect(await takeAfterRestart(2)).toEqual([4, 5])
  })

  it('a run that detaches leaves its unsettled records to the next run, which can settle them', async () => {
    const { clock, stream, run, deliveries, takeAfterRestart } = await withRun(4, 3)
    run.settle(deliveries[1])
    run.source.detach(deliveries)
    const second = attachRun(stream, clock)
    const taken = await second.take(3)
    expect(numbersIn(taken)).toEqual([0, 2, 3])
    second.settle(...taken.slice(0, 2))
    second.source.detach(taken)
    await clock.run(stream.close())
    expect(await takeAfterRestart(1)).toEqual([3])
  })

  it('records of an earlier loop that a run has not taken come after those that it leaves unsettled', async () => {
    const { clock, start, write, take } = streamFixture()
    write(6)
    const stream = await start()
    expect(await take(stream.batches({ maxRecords: 4 }), 4)).toEqual([0, 1, 2, 3])
    const run = attachRun(stream, clock)
    const taken = await run.take(2)
    expect(numbersIn(taken)).toEqual([0, 1])
    run.settle(taken[0])
    run.source.detach(taken)
    expect(await take(stream, 5)).toEqual([1, 2, 3, 4, 5])
    await clock.run(stream.close())
  })

  it('a detached run finds no more records, and detaching it again does not affect the next run', async () => {
    const { clock, stream, run, deliveries } = await withRun(3, 1)
    run.source.detach(deliveries)
    const second = attachRun(stream, clock)
    run.source.detach(deliveries)
    expect(run.source.take()).toBeUndefined()
    expect(run.source.isEnded).toBe(true)
    expect(await run.source.advance(never)).toBe(false)
    await expect(stream.moveTo('latest')).rejects.toMatchObject({ code: 'stream.busy' })
    expect(numbersIn(await second.take(3))).toEqual([0, 1, 2])
    second.source.detach()
    await clock.run(stream.close())
  })

  it('a run that detaches leaves the stream open, so moveTo() works and drops the records that were left', async () => {
    const { clock, stream, run, deliveries, take } = await withRun(3, 3)
    run.settle(deliveries[0])
    run.source.detach(deliveries)
    run.finish()
    await clock.run(stream.moveTo('trim_horizon'))
    expect(await take(stream, 3)).toEqual([0, 1, 2])
    await clock.run(stream.close())
  })
})

describe('DynamoDBStream.close with a run', () => {
  it('close() stops the run, and saves and closes only after the run has drained', async () => {
    const { clock, stream, run, deliveries, takeAfterRestart } = await withRun(4, 3)
    const closed = outcomeOf(stream.close())
    expect(run.stops).toBe(1)
    await clock.advance(14_000)
    expect(closed()).toBe('pending')
    expect(run.source.take()).toBeUndefined()
    run.settle(...deliveries.slice(0, 2))
    await clock.run(run.source.save())
    run.source.detach(deliveries)
    run.finish()
    await clock.advance(0)
    expect(closed()).toBeUndefined()
    expect(clock.untilNextTimer).toBeUndefined()
    expect(await takeAfterRestart(1)).toEqual([2])
  })

  it('close() saves what the run has settled even if the run itself has not saved it', async () => {
    const { clock, stream, run, deliveries, takeAfterRestart } = await withRun(2, 2)
    const closing = stream.close()
    run.settle(deliveries[0])
    run.source.detach(deliveries)
    run.finish()
    await clock.run(closing)
    expect(await takeAfterRestart(1)).toEqual([1])
  })

  it('an abort of the signal ends reading at once, and the checkpoint is saved after the drain', async () => {
    const controller = new AbortController()
    const { clock, emulator, stream, run, deliveries, takeAfterRestart } = await withRun(3, 2, {
      signal: controller.signal,
    })
    const waiting = outcomeOf(run.source.wait(never))
    await clock.advance(10)
    controller.abort()
    expect(run.stops).toBe(1)
    await clock.advance(0)
    const calls = emulator.log.length
    await clock.advance(14_000)
    expect(waiting()).toBeUndefined()
    expect([run.source.isEnded, run.source.take()]).toEqual([true, undefined])
    expect(emulator.log.length).toBe(calls)
    run.settle(deliveries[0])
    await clock.run(run.source.save())
    run.source.detach(deliveries)
    run.finish()
    await clock.advance(0)
    expect(clock.untilNextTimer).toBeUndefined()
    await clock.run(stream.close())
    expect(await takeAfterRestart(1)).toEqual([1])
  })

  it('close() and an abort during the drain stop the run once and wait for the same end', async () => {
    const controller = new AbortController()
    const { clock, stream, run, deliveries } = await withRun(2, 2, { signal: controller.signal })
    const closed = [outcomeOf(stream.close()), outcomeOf(stream.close())]
    controller.abort()
    closed.push(outcomeOf(stream.close()), outcomeOf(stream[Symbol.asyncDispose]()))
    await clock.advance(1_000)
    expect(run.stops).toBe(1)
    expect(closed.map((outcome) => outcome())).toEqual(Array.from({ length: 4 }, () => 'pending'))
    run.source.detach(deliveries)
    run.finish()
    await clock.advance(0)
    expect(closed.map((outcome) => outcome())).toEqual(Array.from({ length: 4 }, () => undefined))
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('close() does not wait for a run that has detached, so the run itself can await it', async () => {
    const { clock, stream, run, deliveries } = await withRun(1, 1)
    const closed = outcomeOf(stream.close())
    await clock.advance(0)
    expect(closed()).toBe('pending')
    run.source.detach(deliveries)
    await clock.advance(0)
    expect(closed()).toBeUndefined()
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('close() does not wait for a run that has ended without detaching', async () => {
    const { clock, stream, run } = await withRun(1, 1)
    run.finish()
    await clock.run(stream.close())
    expect(clock.untilNextTimer).toBeUndefined()
  })

  it('close() resolves although the run has ended with an error, which the run itself reports', async () => {
    const { clock, stream, run, deliveries } = await withRun(1, 1)
    const closing = stream.close()
    run.source.detach(deliveries)
    run.fail(new Error('handler failed'))
    await clock.run(closing)
  })

  it('a stream that was closed or aborted before has no records for a run', async () => {
    const abort = new AbortController()
    const ends: ((stream: DynamoDBStream) => Promise<void>)[] = [
      (stream) => stream.close(),
      async () => abort.abort(),
    ]
    for (const end of ends) {
      const { clock, start, write } = streamFixture()
      write(1)
      const stream = await start({ signal: abort.signal })
      await clock.run(end(stream))
      const { source, stops } = attachRun(stream, clock)
      expect([source.take(), source.isEnded, stops]).toEqual([undefined, true, 0])
      await source.wait(never)
      expect(await source.advance(never)).toBe(false)
      source.detach()
      await clock.run(stream.close())
      expect(clock.untilNextTimer).toBeUndefined()
    }
  })
})
