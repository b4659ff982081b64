import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../../src/index.ts'
import { opened } from './opened.ts'

/** What a promise was settled with, by now. */
function outcomeOf(promise: Promise<unknown>): () => unknown {
  let outcome: unknown = 'pending'
  void promise.then((value) => {
    outcome = value
  })
  return () => outcome
}

const END = { value: undefined, done: true }

it.each(['one by one', 'in batches'] as const)(
  'an iterator of records %s that is left while its next call waits takes no further record, and nothing is polled for it',
  async (way) => {
    const world = opened()
    const { clock, emulator } = world
    const stream = await world.start()
    const records =
      way === 'one by one' ? stream[Symbol.asyncIterator]() : stream.batches({ maxWaitMs: 1_000 })
    const pending = outcomeOf(records.next())
    await clock.advance(5_000)
    await clock.run(records.return?.() as Promise<unknown>)
    expect(pending()).toEqual(END)
    const calls = emulator.log.length
    // Heartbeats renew iterators after ten minutes.
    await clock.advance(9 * 60_000)
    expect(emulator.log.length).toBe(calls)
    const written = world.write(2)
    expect(await world.take(stream, 2)).toEqual(written)
    await clock.run(stream.close())
    expect(await world.takeAfterRestart(1)).toEqual([1])
  },
)

it('a Node stream that is destroyed while it waits loses no record for the loop after it', async () => {
  const world = opened()
  const { clock } = world
  const stream = await world.start()
  const readable = Readable.from(stream)
  readable.on('data', () => {})
  await clock.advance(5_000)
  readable.destroy()
  await clock.advance(5_000)
  const written = world.write(1)
  await clock.advance(5_000)
  const { seen } = world.collect(stream)
  await clock.advance(5_000)
  written.push(...world.write(2))
  await clock.advance(5_000)
  expect(seen).toEqual(written)
  await clock.run(stream.close())
})

it('an iterator that is left in the very moment when its record arrives delivers that record again', async () => {
  const world = opened()
  const { clock } = world
  const stream = await world.start()
  const records = stream[Symbol.asyncIterator]()
  const pending = records.next()
  await clock.advance(5_000)
  const written = world.write(1)
  clock.setTimer(0, () => void records.return?.())
  await clock.advance(5_000)
  await clock.run<unknown>(pending)
  const { seen } = world.collect(stream)
  await clock.advance(5_000)
  expect(seen).toEqual(written)
  await clock.run(stream.close())
})

it('a loop that begins while another one is at work is refused, and acknowledges nothing', async () => {
  const world = opened()
  const { clock } = world
  world.write(2)
  const stream = await world.start()
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  const before = stream.token
  for (const second of [stream[Symbol.asyncIterator](), stream.batches()]) {
    await expect(clock.run<unknown>(second.next())).rejects.toMatchObject({ code: 'stream.busy' })
  }
  expect(stream.token).toEqual(before)
  await clock.run(records.return?.() as Promise<unknown>)
  expect(await world.take(stream, 2)).toEqual([0, 1])
  await clock.run(stream.close())
})

it('a call of next() while one is pending is refused, and the one that is pending gets the record', async () => {
  const world = opened()
  const { clock } = world
  const stream = await world.start()
  const records = stream[Symbol.asyncIterator]()
  const pending = outcomeOf(records.next())
  await clock.advance(5_000)
  await expect(records.next()).rejects.toMatchObject({ code: 'stream.busy' })
  world.write(1)
  await clock.advance(5_000)
  expect(pending()).toMatchObject({ done: false })
  await clock.run(stream.close())
})

it('a record that was processed is not delivered again by the loop after next, when it came from a batch that was left', async () => {
  const world = opened()
  const { clock } = world
  world.write(3)
  const stream = await world.start()
  expect(await world.take(stream.batches({ maxRecords: 3 }), 3)).toEqual([0, 1, 2])
  expect(await world.take(stream, 2)).toEqual([0, 1])
  expect(await world.take(stream, 2)).toEqual([1, 2])
  await clock.run(stream.close())
  expect(await world.takeAfterRestart(1)).toEqual([2])
})

it('records that several loops were left with come again in their order', async () => {
  const world = opened()
  const { clock } = world
  world.write(4)
  const stream = await world.start()
  expect(await world.take(stream.batches({ maxRecords: 4 }), 4)).toEqual([0, 1, 2, 3])
  expect(await world.take(stream, 1)).toEqual([0])
  expect(await world.take(stream.batches({ maxRecords: 2 }), 2)).toEqual([0, 1])
  expect(await world.take(stream, 4)).toEqual([0, 1, 2, 3])
  await clock.run(stream.close())
})

it('of the records that a loop was left with, the checkpoint covers only those that were taken again and acknowledged', async () => {
  const world = opened()
  const { clock, store } = world
  world.write(6)
  const stream = await world.start({ checkpoint: { store, name: 'worker', everyRecords: 1 } })
  expect(await world.take(stream.batches({ maxRecords: 5 }), 5)).toEqual([0, 1, 2, 3, 4])
  const records = stream[Symbol.asyncIterator]()
  // The first one is acknowledged by the call for the second one.
  await clock.run(records.next())
  await clock.run(records.next())
  await clock.advance(10_000)
  // As after a crash: the first stream is not closed.
  expect(await world.takeAfterRestart(1)).toEqual([1])
  await clock.run(stream.close())
})

it('a record that a loop was left with does not come after a move to another position', async () => {
  const world = opened()
  const { clock } = world
  world.write(3)
  const stream = await world.start()
  expect(await world.take(stream, 1)).toEqual([0])
  await clock.run(stream.moveTo('latest'))
  const written = world.write(1)
  expect(await world.take(stream, 1)).toEqual(written)
  await clock.run(stream.close())
})

it('a record that is in hand when the signal aborts is delivered to the next worker, and one that was acknowledged is not', async () => {
  const world = opened()
  const { clock } = world
  world.write(3)
  const controller = new AbortController()
  const stream = await world.start({ signal: controller.signal })
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  controller.abort()
  await clock.advance(20_000)
  expect((await clock.run(records.next())).done).toBe(true)
  expect(await world.takeAfterRestart(1)).toEqual([1])
})

it('a web stream that is canceled while it waits loses no record for the loop after it', async () => {
  const world = opened()
  const { clock } = world
  const stream = await world.start()
  const web = ReadableStream.from<StreamRecord>(stream)
  const reader = web.getReader()
  const pending = outcomeOf(reader.read())
  await clock.advance(5_000)
  await clock.run(reader.cancel())
  expect(pending()).toEqual(END)
  await clock.advance(1_000)
  const written = world.write(2)
  const { seen } = world.collect(stream)
  await clock.advance(5_000)
  expect(seen).toEqual(written)
  await clock.run(stream.close())
})

it('a position that was moved to is saved when the signal aborts, though no loop is running', async () => {
  const world = opened()
  world.write(3)
  await world.clock.advance(10_000)
  const controller = new AbortController()
  const stream = await world.start({ signal: controller.signal })
  await world.clock.run(stream.moveTo('latest'))
  controller.abort()
  await world.clock.advance(100)
  const written = world.write(2)
  expect(await world.takeAfterRestart(2)).toEqual(written)
})
