import { expect, it } from 'vitest'
import type { DynamoDBStream, StreamRecord } from '../../src/index.ts'
import { numbersOf } from '../support/read.ts'
import { type Opened, opened } from './opened.ts'

const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** A world of two shards: 5 records are in the first one, and reads of the second one fail when `fail` was called. */
function twoShards() {
  const world = opened({ shards: 2 })
  const { emulator, write } = world
  const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  let failure: string | undefined
  emulator.on('GetRecords', { shard: b, ...ALWAYS }, () => (failure ? { fail: failure } : undefined))
  return {
    ...world,
    a,
    b,
    written: write(5, a),
    fail: (name: string | undefined) => {
      failure = name
    },
  }
}

/** Loops over batches to the end, and notes what comes. */
function loop({ clock }: Opened, stream: DynamoDBStream, maxWaitMs: number) {
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
  'records that were fetched before the table is deleted come in a batch before the loop throws stream.notFound, with maxWaitMs %i',
  async (maxWaitMs) => {
    const world = twoShards()
    // The second shard answers last, when the records of the first one are in the buffer.
    world.emulator.on('GetRecords', { shard: world.b }, () => world.emulator.deleteTable())
    const stream = await world.start()
    const { seen, end } = loop(world, stream, maxWaitMs)
    expect(await end()).toBe('stream.notFound')
    expect(seen).toEqual(world.written)
    await world.clock.run(stream.close())
  },
)

it('a batch that was being gathered when credentials expired is delivered before the error is thrown', async () => {
  const world = twoShards()
  const stream = await world.start()
  world.clock.setTimer(2_000, () => world.fail('ExpiredTokenException'))
  const first = loop(world, stream, 60_000)
  expect(await first.end()).toBe('ExpiredTokenException')
  expect(first.seen).toEqual(world.written)
  world.fail(undefined)
  const more = world.write(3, world.a)
  expect(await world.take(stream.batches(), 3)).toEqual(more)
  await world.clock.run(stream.close())
  // The loop did not come back for the second batch.
  expect(await world.takeAfterRestart(3)).toEqual(more)
})

it('a batch that is left after an error cut it short is delivered again, and the error does not come late', async () => {
  const world = twoShards()
  const stream = await world.start()
  world.clock.setTimer(2_000, () => world.fail('ExpiredTokenException'))
  expect(await world.take(stream.batches({ maxWaitMs: 60_000 }), 5)).toEqual(world.written)
  world.fail(undefined)
  const more = world.write(1, world.a)
  expect(await world.take(stream, 6)).toEqual([...world.written, ...more])
  await world.clock.run(stream.close())
})

it('an error that cut a batch short is thrown by the next call, though the read that failed would succeed by then', async () => {
  const world = twoShards()
  const stream = await world.start()
  world.clock.setTimer(2_000, () => {
    world.emulator.on('GetRecords', { shard: world.b }, { fail: 'AccessDeniedException' })
  })
  const { seen, end } = loop(world, stream, 60_000)
  expect(await end()).toBe('AccessDeniedException')
  expect(seen).toEqual(world.written)
  await world.clock.run(stream.close())
})

it.each(['the signal aborts', 'the stream is closed'] as const)(
  'a loop over batches ends without an error when %s while a batch is being gathered, and the next worker gets its records',
  async (how) => {
    const world = opened()
    const written = world.write(5)
    const controller = new AbortController()
    const stream = await world.start({ signal: controller.signal })
    const { seen, end } = loop(world, stream, 60_000)
    await world.clock.advance(10_000)
    if (how === 'the signal aborts') controller.abort()
    else await world.clock.run(stream.close())
    expect(await end()).toBe('ended')
    expect(seen).toEqual([])
    await world.clock.run(stream.close())
    expect(await world.takeAfterRestart(5)).toEqual(written)
  },
)

it('a batch that starts with records which a former loop was left with is delivered though another shard may not be read', async () => {
  const world = twoShards()
  const stream = await world.start()
  const returned = await world.take(stream.batches({ maxRecords: 2 }), 2)
  world.fail('AccessDeniedException')
  // A heartbeat meets the error while no loop is running.
  await world.clock.advance(11 * 60_000)
  await world.clock.run(stream.heartbeat())
  const first = loop(world, stream, 0)
  expect(await first.end()).toBe('AccessDeniedException')
  expect(first.seen).toEqual(returned)
  world.fail(undefined)
  expect(await world.take(stream, 3)).toEqual(world.written.slice(2))
  await world.clock.run(stream.close())
})

it('a batch is delivered within maxWaitMs of its first record, however many records trickle in', async () => {
  const world = opened()
  const stream = await world.start()
  const start = world.clock.monotonic()
  const trickle = () => {
    world.write(1)
    world.clock.setTimer(700, trickle)
  }
  world.clock.setTimer(0, trickle)
  const { value } = await world.clock.run(stream.batches({ maxWaitMs: 5_000 }).next())
  expect(world.clock.monotonic() - start).toBeLessThanOrEqual(6_000)
  expect(numbersOf(value as StreamRecord[]).length).toBeGreaterThanOrEqual(5)
  await world.clock.run(stream.close())
})

it('moving to another position while a batch is being gathered drops its records, and the batch continues from there', async () => {
  const world = opened()
  world.write(3)
  const stream = await world.start()
  const batches = stream.batches({ maxWaitMs: 10_000 })
  const pending = batches.next()
  await world.clock.advance(5_000)
  await world.clock.run(stream.moveTo('latest'))
  const written = world.write(2)
  const { value } = await world.clock.run(pending)
  expect(numbersOf(value as StreamRecord[])).toEqual(written)
  await world.clock.run(stream.close())
})

it('the token does not cover a batch that was being gathered at the end, though another loop asks for records', async () => {
  const world = opened()
  world.write(5)
  const controller = new AbortController()
  const stream = await world.start({ signal: controller.signal })
  const before = stream.token
  const first = loop(world, stream, 60_000)
  await world.clock.advance(10_000)
  controller.abort()
  expect(await first.end()).toBe('ended')
  const second = loop(world, stream, 0)
  expect(await second.end()).toBe('ended')
  expect([first.seen, second.seen]).toEqual([[], []])
  expect(stream.token).toEqual(before)
})

it('a batch that an error cut short is delivered at once, not when maxWaitMs is over', async () => {
  const world = twoShards()
  const stream = await world.start()
  const start = world.clock.monotonic()
  world.clock.setTimer(2_000, () => world.fail('ExpiredTokenException'))
  const { value } = await world.clock.run(stream.batches({ maxWaitMs: 60_000 }).next())
  expect(numbersOf(value as StreamRecord[])).toEqual(world.written)
  expect(world.clock.monotonic() - start).toBeLessThan(10_000)
  await world.clock.run(stream.close())
})

it('the last batch of a disabled stream is delivered at its end, not when maxWaitMs is over', async () => {
  const world = opened()
  const written = world.write(5)
  world.emulator.disable()
  const stream = await world.start()
  const start = world.clock.monotonic()
  const { seen, end } = loop(world, stream, 300_000)
  expect(await end()).toBe('ended')
  expect(seen).toEqual(written)
  expect(world.clock.monotonic() - start).toBeLessThan(60_000)
})

it('a batch is timed from its own first record, not from that of the batch before it', async () => {
  const world = opened()
  const written = world.write(3).slice(2)
  const stream = await world.start()
  const batches = stream.batches({ maxRecords: 2, maxWaitMs: 5_000 })
  await world.clock.run(batches.next())
  await world.clock.advance(10_000)
  const pending = batches.next()
  await world.clock.advance(3_000)
  written.push(...world.write(1))
  const { value } = await world.clock.run(pending)
  expect(numbersOf(value as StreamRecord[])).toEqual(written)
  await world.clock.run(stream.close())
})

it('an error that cut a batch short is not thrown after a move to another position', async () => {
  const world = twoShards()
  const stream = await world.start()
  world.clock.setTimer(2_000, () => world.fail('ExpiredTokenException'))
  const batches = stream.batches({ maxWaitMs: 60_000 })
  await world.clock.run(batches.next())
  world.fail(undefined)
  await world.clock.run(stream.moveTo('latest'))
  const written = world.write(2, world.a)
  const { value } = await world.clock.run(batches.next())
  expect(numbersOf(value as StreamRecord[])).toEqual(written)
  await world.clock.run(stream.close())
})
