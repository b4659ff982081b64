import { expect, it } from 'vitest'
import type { DynamoDBStream, StreamRecord } from '../../src/index.ts'
import { numbersOf } from '../support/read.ts'
import { type StreamFixture, streamFixture } from '../support/stream-fixture.ts'

const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** Two shards: the first one has 5 records, and reads of the second one fail as set with `fail()`. */
function twoShards() {
  const fixture = streamFixture({ shards: 2 })
  const { emulator, write } = fixture
  const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  let failure: string | undefined
  emulator.on('GetRecords', { shard: b, ...ALWAYS }, () => (failure ? { fail: failure } : undefined))
  return {
    ...fixture,
    a,
    b,
    written: write(5, a),
    fail: (name: string | undefined) => {
      failure = name
    },
  }
}

/** Loops over batches to the end, and collects the numbers of their records. */
function loop({ clock }: StreamFixture, stream: DynamoDBStream, maxWaitMs: number) {
  const seen: number[] = []
  const done = (async () => {
    for await (const batch of stream.batches({ maxWaitMs })) seen.push(...numbersOf(batch))
  })()
  const end = done.then(
    () => 'ended',
    (error: Error & { code?: string }) => error.code ?? error.name,
  )
  return { seen, end: () => clock.run(end) }
}

it.each([0, 60_000])(
  'records fetched before the table was deleted are delivered in a batch before the loop throws stream.notFound (maxWaitMs %i)',
  async (maxWaitMs) => {
    const fixture = twoShards()
    // The second shard responds last, when the records of the first one are in the buffer.
    fixture.emulator.on('GetRecords', { shard: fixture.b }, () => fixture.emulator.deleteTable())
    const stream = await fixture.start()
    const { seen, end } = loop(fixture, stream, maxWaitMs)
    expect(await end()).toBe('stream.notFound')
    expect(seen).toEqual(fixture.written)
    await fixture.clock.run(stream.close())
  },
)

it('a batch that was filling when credentials expired is delivered before the error is thrown', async () => {
  const fixture = twoShards()
  const stream = await fixture.start()
  fixture.clock.setTimer(2_000, () => fixture.fail('ExpiredTokenException'))
  const first = loop(fixture, stream, 60_000)
  expect(await first.end()).toBe('ExpiredTokenException')
  expect(first.seen).toEqual(fixture.written)
  fixture.fail(undefined)
  const more = fixture.write(3, fixture.a)
  expect(await fixture.take(stream.batches(), 3)).toEqual(more)
  await fixture.clock.run(stream.close())
  // The loop ended before it acknowledged the second batch.
  expect(await fixture.takeAfterRestart(3)).toEqual(more)
})

it('a batch that an error cut short is redelivered after the loop is left, and the stale error is not thrown', async () => {
  const fixture = twoShards()
  const stream = await fixture.start()
  fixture.clock.setTimer(2_000, () => fixture.fail('ExpiredTokenException'))
  expect(await fixture.take(stream.batches({ maxWaitMs: 60_000 }), 5)).toEqual(fixture.written)
  fixture.fail(undefined)
  const more = fixture.write(1, fixture.a)
  expect(await fixture.take(stream, 6)).toEqual([...fixture.written, ...more])
  await fixture.clock.run(stream.close())
})

it('an error that cut a batch short is thrown by the next call even if the failed read would succeed by then', async () => {
  const fixture = twoShards()
  const stream = await fixture.start()
  fixture.clock.setTimer(2_000, () => {
    fixture.emulator.on('GetRecords', { shard: fixture.b }, { fail: 'AccessDeniedException' })
  })
  const { seen, end } = loop(fixture, stream, 60_000)
  expect(await end()).toBe('AccessDeniedException')
  expect(seen).toEqual(fixture.written)
  await fixture.clock.run(stream.close())
})

it.each(['the signal aborts', 'the stream is closed'] as const)(
  'a loop over batches ends without an error when %s while a batch is filling, and the next worker receives its records',
  async (how) => {
    const fixture = streamFixture()
    const written = fixture.write(5)
    const controller = new AbortController()
    const stream = await fixture.start({ signal: controller.signal })
    const { seen, end } = loop(fixture, stream, 60_000)
    await fixture.clock.advance(10_000)
    if (how === 'the signal aborts') controller.abort()
    else await fixture.clock.run(stream.close())
    expect(await end()).toBe('ended')
    expect(seen).toEqual([])
    await fixture.clock.run(stream.close())
    expect(await fixture.takeAfterRestart(5)).toEqual(written)
  },
)

it('a batch of records redelivered from an earlier loop is delivered although access to another shard is denied', async () => {
  const fixture = twoShards()
  const stream = await fixture.start()
  const returned = await fixture.take(stream.batches({ maxRecords: 2 }), 2)
  fixture.fail('AccessDeniedException')
  // A heartbeat runs into the error while no loop is running.
  await fixture.clock.advance(11 * 60_000)
  await fixture.clock.run(stream.heartbeat())
  const first = loop(fixture, stream, 0)
  expect(await first.end()).toBe('AccessDeniedException')
  expect(first.seen).toEqual(returned)
  fixture.fail(undefined)
  expect(await fixture.take(stream, 3)).toEqual(fixture.written.slice(2))
  await fixture.clock.run(stream.close())
})

it('a batch is delivered within maxWaitMs of its first record while further records keep trickling in', async () => {
  const fixture = streamFixture()
  const stream = await fixture.start()
  const start = fixture.clock.monotonic()
  const trickle = () => {
    fixture.write(1)
    fixture.clock.setTimer(700, trickle)
  }
  fixture.clock.setTimer(0, trickle)
  const { value } = await fixture.clock.run(stream.batches({ maxWaitMs: 5_000 }).next())
  expect(fixture.clock.monotonic() - start).toBeLessThanOrEqual(6_000)
  expect(numbersOf(value as StreamRecord[]).length).toBeGreaterThanOrEqual(5)
  await fixture.clock.run(stream.close())
})

it('moveTo() while a batch is filling drops its records, and the batch is filled from the new position', async () => {
  const fixture = streamFixture()
  fixture.write(3)
  const stream = await fixture.start()
  const batches = stream.batches({ maxWaitMs: 10_000 })
  const pending = batches.next()
  await fixture.clock.advance(5_000)
  await fixture.clock.run(stream.moveTo('latest'))
  const written = fixture.write(2)
  const { value } = await fixture.clock.run(pending)
  expect(numbersOf(value as StreamRecord[])).toEqual(written)
  await fixture.clock.run(stream.close())
})

it('the token does not cover a batch that was filling when the signal aborted, even after another loop requests records', async () => {
  const fixture = streamFixture()
  fixture.write(5)
  const controller = new AbortController()
  const stream = await fixture.start({ signal: controller.signal })
  const before = stream.token
  const first = loop(fixture, stream, 60_000)
  await fixture.clock.advance(10_000)
  controller.abort()
  expect(await first.end()).toBe('ended')
  const second = loop(fixture, stream, 0)
  expect(await second.end()).toBe('ended')
  expect([first.seen, second.seen]).toEqual([[], []])
  expect(stream.token).toEqual(before)
})

it('a batch that an error cut short is delivered at once, without waiting for maxWaitMs', async () => {
  const fixture = twoShards()
  const stream = await fixture.start()
  const start = fixture.clock.monotonic()
  fixture.clock.setTimer(2_000, () => fixture.fail('ExpiredTokenException'))
  const { value } = await fixture.clock.run(stream.batches({ maxWaitMs: 60_000 }).next())
  expect(numbersOf(value as StreamRecord[])).toEqual(fixture.written)
  expect(fixture.clock.monotonic() - start).toBeLessThan(10_000)
  await fixture.clock.run(stream.close())
})

it('the last batch of a disabled stream is delivered when the stream ends, without waiting for maxWaitMs', async () => {
  const fixture = streamFixture()
  const written = fixture.write(5)
  fixture.emulator.disable()
  const stream = await fixture.start()
  const start = fixture.clock.monotonic()
  const { seen, end } = loop(fixture, stream, 300_000)
  expect(await end()).toBe('ended')
  expect(seen).toEqual(written)
  expect(fixture.clock.monotonic() - start).toBeLessThan(60_000)
})

it('the maxWaitMs of a batch starts at its own first record, not at that of the previous batch', async () => {
  const fixture = streamFixture()
  const written = fixture.write(3).slice(2)
  const stream = await fixture.start()
  const batches = stream.batches({ maxRecords: 2, maxWaitMs: 5_000 })
  await fixture.clock.run(batches.next())
  await fixture.clock.advance(10_000)
  const pending = batches.next()
  await fixture.clock.advance(3_000)
  written.push(...fixture.write(1))
  const { value } = await fixture.clock.run(pending)
  expect(numbersOf(value as StreamRecord[])).toEqual(written)
  await fixture.clock.run(stream.close())
})

it('an error that cut a batch short is not thrown after moveTo()', async () => {
  const fixture = twoShards()
  const stream = await fixture.start()
  fixture.clock.setTimer(2_000, () => fixture.fail('ExpiredTokenException'))
  const batches = stream.batches({ maxWaitMs: 60_000 })
  await fixture.clock.run(batches.next())
  fixture.fail(undefined)
  await fixture.clock.run(stream.moveTo('latest'))
  const written = fixture.write(2, fixture.a)
  const { value } = await fixture.clock.run(batches.next())
  expect(numbersOf(value as StreamRecord[])).toEqual(written)
  await fixture.clock.run(stream.close())
})
