import { expect, it } from 'vitest'
import { streamFixture } from '../support/stream-fixture.ts'

/** A worker that follows a table and has read all of its first stream, which is now disabled. */
async function afterFirstStream() {
  const fixture = streamFixture()
  const { clock, emulator, start, collect, write } = fixture
  const stream = await start({
    client: emulator.client(),
    streamArn: undefined,
    tableName: emulator.tableName,
    tableClient: emulator.tableClient(),
    followTable: true,
  })
  const { seen } = collect(stream)
  const written = write(3)
  emulator.disable()
  await clock.advance(60_000)
  expect(seen).toEqual(written)
  return { ...fixture, stream, seen, written }
}

it('moveTo() takes effect while the stream waits for the next stream of the table', async () => {
  const { clock, emulator, stream, seen, write, written } = await afterFirstStream()
  await clock.run(stream.moveTo('trim_horizon'))
  await clock.advance(60_000)
  emulator.enable()
  const more = write(1)
  await clock.advance(300_000)
  expect(seen).toEqual([...written, ...written, ...more])
})

it('a moveTo() in flight when the next stream of the table is found takes effect first', async () => {
  const { clock, emulator, stream, seen, write, written } = await afterFirstStream()
  emulator.on('DescribeStream', {}, { delayMs: 25_000 })
  emulator.enable()
  const more = write(1)
  const moved = stream.moveTo('trim_horizon')
  await clock.advance(300_000)
  await moved
  expect(seen).toEqual([...written, ...written, ...more])
})

it('the next stream of the table is read although DescribeStream does not find it at first', async () => {
  const { clock, emulator, seen, write, written } = await afterFirstStream()
  emulator.enable()
  emulator.on('DescribeStream', {}, { fail: 'ResourceNotFoundException' })
  const more = write(2)
  await clock.advance(120_000)
  expect(seen).toEqual([...written, ...more])
})

it('a loop that is left at the end of a stream while a moveTo() is in flight ends at once', async () => {
  const { clock, emulator, start, write } = streamFixture()
  const stream = await start()
  const records = stream[Symbol.asyncIterator]()
  write(1)
  emulator.disable()
  expect((await clock.run(async () => records.next())).done).toBe(false)
  let end: unknown = 'pending'
  void records.next().then(({ done }) => {
    end = done
  })
  emulator.on('DescribeStream', { times: 1 }, { hang: true })
  const moved = stream.moveTo('trim_horizon')
  moved.catch(() => {})
  await clock.advance(10_000)
  expect(end).toBe('pending')
  await clock.run(async () => records.return?.())
  await clock.advance(1_000)
  expect(end).toBe(true)
  await clock.run(moved)
})
