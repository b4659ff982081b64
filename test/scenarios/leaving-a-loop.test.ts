import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../../src/index.ts'
import { streamFixture } from '../support/stream-fixture.ts'

/** Returns a function that reports what `promise` has resolved with so far. */
function outcomeOf(promise: Promise<unknown>): () => unknown {
  let outcome: unknown = 'pending'
  void promise.then((value) => {
    outcome = value
  })
  return () => outcome
}

const END = { value: undefined, done: true }

it.each(['records', 'batches'] as const)(
  'an iterator of %s that is left while next() is pending consumes no further record and stops polling',
  async (kind) => {
    const fixture = streamFixture()
    const { clock, emulator } = fixture
    const stream = await fixture.start()
    const records = kind === 'records' ? stream[Symbol.asyncIterator]() : stream.batches({ maxWaitMs: 1_000 })
    const pending = outcomeOf(records.next())
    await clock.advance(5_000)
    await clock.run(records.return?.() as Promise<unknown>)
    expect(pending()).toEqual(END)
    const calls = emulator.log.length
    // Heartbeats renew iterators after ten minutes.
    await clock.advance(9 * 60_000)
    expect(emulator.log.length).toBe(calls)
    const written = fixture.write(2)
    expect(await fixture.take(stream, 2)).toEqual(written)
    await clock.run(stream.close())
    expect(await fixture.takeAfterRestart(1)).toEqual([1])
  },
)

it('a Node.js Readable that is destroyed while it waits loses no record for the next loop', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  const stream = await fixture.start()
  const readable = Readable.from(stream)
  readable.on('data', () => {})
  await clock.advance(5_000)
  readable.destroy()
  await clock.advance(5_000)
  const written = fixture.write(1)
  await clock.advance(5_000)
  const { seen } = fixture.collect(stream)
  await clock.advance(5_000)
  written.push(...fixture.write(2))
  await clock.advance(5_000)
  expect(seen).toEqual(written)
  await clock.run(stream.close())
})

it('a record that arrives at the moment when its iterator is left is redelivered', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  const stream = await fixture.start()
  const records = stream[Symbol.asyncIterator]()
  const pending = records.next()
  await clock.advance(5_000)
  const written = fixture.write(1)
  clock.setTimer(0, () => void records.return?.())
  await clock.advance(5_000)
  await clock.run<unknown>(pending)
  const { seen } = fixture.collect(stream)
  await clock.advance(5_000)
  expect(seen).toEqual(written)
  await clock.run(stream.close())
})

it('a loop that starts while another one is running is rejected and acknowledges nothing', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  fixture.write(2)
  const stream = await fixture.start()
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  const before = stream.token
  for (const second of [stream[Symbol.asyncIterator](), stream.batches()]) {
    await expect(clock.run<unknown>(second.next())).rejects.toMatchObject({
      code: 'stream.busy',
      message: expect.stringMatching(/ Leave the first loop before you start another\.$/),
    })
  }
  expect(stream.token).toEqual(before)
  await clock.run(records.return?.() as Promise<unknown>)
  expect(await fixture.take(stream, 2)).toEqual([0, 1])
  await clock.run(stream.close())
})

it('a next() call while another one is pending is rejected, and the pending one receives the record', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  const stream = await fixture.start()
  const records = stream[Symbol.asyncIterator]()
  const pending = outcomeOf(records.next())
  await clock.advance(5_000)
  await expect(records.next()).rejects.toMatchObject({
    code: 'stream.busy',
    message: expect.stringMatching(/ Await each call of next\(\) before the next one\.$/),
  })
  fixture.write(1)
  await clock.advance(5_000)
  expect(pending()).toMatchObject({ done: false })
  await clock.run(stream.close())
})

it('a record that was redelivered from an abandoned batch and then acknowledged is not delivered again', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  fixture.write(3)
  const stream = await fixture.start()
  expect(await fixture.take(stream.batches({ maxRecords: 3 }), 3)).toEqual([0, 1, 2])
  expect(await fixture.take(stream, 2)).toEqual([0, 1])
  expect(await fixture.take(stream, 2)).toEqual([1, 2])
  await clock.run(stream.close())
  expect(await fixture.takeAfterRestart(1)).toEqual([2])
})

it('unacknowledged records of several abandoned loops are redelivered in order', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  fixture.write(4)
  const stream = await fixture.start()
  expect(await fixture.take(stream.batches({ maxRecords: 4 }), 4)).toEqual([0, 1, 2, 3])
  expect(await fixture.take(stream, 1)).toEqual([0])
  expect(await fixture.take(stream.batches({ maxRecords: 2 }), 2)).toEqual([0, 1])
  expect(await fixture.take(stream, 4)).toEqual([0, 1, 2, 3])
  await clock.run(stream.close())
})

it('the checkpoint covers records of an abandoned batch only once they are redelivered and acknowledged', async () => {
  const fixture = streamFixture()
  const { clock, store } = fixture
  fixture.write(6)
  const stream = await fixture.start({ checkpoint: { store, name: 'worker', everyRecords: 1 } })
  expect(await fixture.take(stream.batches({ maxRecords: 5 }), 5)).toEqual([0, 1, 2, 3, 4])
  const records = stream[Symbol.asyncIterator]()
  // The first one is acknowledged by the call for the second one.
  await clock.run(records.next())
  await clock.run(records.next())
  await clock.advance(10_000)
  // The first stream is not closed, as after a crash.
  expect(await fixture.takeAfterRestart(1)).toEqual([1])
  await clock.run(stream.close())
})

it('an unacknowledged record of an abandoned loop is not redelivered after moveTo()', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  fixture.write(3)
  const stream = await fixture.start()
  expect(await fixture.take(stream, 1)).toEqual([0])
  await clock.run(stream.moveTo('latest'))
  const written = fixture.write(1)
  expect(await fixture.take(stream, 1)).toEqual(written)
  await clock.run(stream.close())
})

it('a record in progress when the signal aborts is acknowledged by the next call, and the next worker continues after it', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  fixture.write(3)
  const controller = new AbortController()
  const stream = await fixture.start({ signal: controller.signal })
  const records = stream[Symbol.asyncIterator]()
  await clock.run(records.next())
  controller.abort()
  await clock.advance(20_000)
  expect((await clock.run(records.next())).done).toBe(true)
  expect(await fixture.takeAfterRestart(1)).toEqual([1])
})

it('a web ReadableStream that is canceled while it waits loses no record for the next loop', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  const stream = await fixture.start()
  const web = ReadableStream.from<StreamRecord>(stream)
  const reader = web.getReader()
  const pending = outcomeOf(reader.read())
  await clock.advance(5_000)
  await clock.run(reader.cancel())
  expect(pending()).toEqual(END)
  await clock.advance(1_000)
  const written = fixture.write(2)
  const { seen } = fixture.collect(stream)
  await clock.advance(5_000)
  expect(seen).toEqual(written)
  await clock.run(stream.close())
})

it('the position of a moveTo() is saved when the signal aborts although no loop is running', async () => {
  const fixture = streamFixture()
  fixture.write(3)
  await fixture.clock.advance(10_000)
  const controller = new AbortController()
  const stream = await fixture.start({ signal: controller.signal })
  await fixture.clock.run(stream.moveTo('latest'))
  controller.abort()
  await fixture.clock.advance(100)
  const written = fixture.write(2)
  expect(await fixture.takeAfterRestart(2)).toEqual(written)
})
