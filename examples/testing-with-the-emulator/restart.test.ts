import { memoryCheckpointStore, openStream } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator, trackConsumer } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'

test('a consumer that was killed resumes from its checkpoint and repeats only later records', async () => {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, shards: 2 })
  const history = trackConsumer(emulator)
  emulator.fill({ records: 20 })
  emulator.split()
  emulator.fill({ records: 20 })
  emulator.disable()
  const store = memoryCheckpointStore()
  const openConsumer = async () =>
    history.follow(
      await openStream({
        client: emulator.client(),
        streamArn: emulator.streamArn,
        startAt: 'trim_horizon',
        checkpoint: { store, name: 'worker', everyRecords: 10 },
        clock,
      }),
    )

  // The consumer is killed while it processes a record: the stream is not closed and no checkpoint is saved.
  const first = (await openConsumer())[Symbol.asyncIterator]()
  for (let n = 0; n < 27; n++) await clock.run(first.next())
  history.restarted(await store.load('worker'))

  const second = await openConsumer()
  await clock.run(async () => {
    for await (const { newImage } of second) expect(newImage).toBeDefined()
  })
  history.expectComplete()
  expect(history.report()).toMatchObject({ written: 40, delivered: 46, restarts: 1 })
})
