import { type CheckpointStore, openStream, processStream, type StreamToken } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { stopTimeouts } from './stop-timeouts.ts'

const never = () => new Promise<never>(() => {})

/** A store that stops responding. */
function hangingStore() {
  let isHanging = false
  const store: CheckpointStore = {
    load: async () => undefined,
    save: async (_name: string, _token: StreamToken) => (isHanging ? never() : undefined),
  }
  return {
    store,
    hang() {
      isHanging = true
    },
  }
}

test.each([16_000, 30_000, 120_000])(
  'a worker has ended 1 s before it would be killed after %i ms, even if its handler, its destination and the checkpoint store hang',
  async (stopMs) => {
    const clock = new ManualClock()
    const emulator = new StreamEmulator({ clock })
    emulator.put({ id: 'hanging' })
    const { store, hang } = hangingStore()
    const stop = new AbortController()
    const stream = await openStream({
      client: emulator.client(),
      streamArn: emulator.streamArn,
      checkpoint: { store, name: 'worker' },
      signal: stop.signal,
      clock,
    })
    let started = 0
    const handler = () => {
      started++
      return never()
    }
    const onFailure = { send: async () => {}, close: never }
    const run = processStream(stream, handler, { ...stopTimeouts(stopMs), onFailure })
    await clock.advance(2_000)
    expect(started).toBe(1)
    hang()

    const stoppedAt = clock.now()
    stop.abort()
    await expect(clock.run(run)).rejects.toMatchObject({ code: 'checkpoint.failed' })
    await clock.run(stream.close())
    expect(clock.now() - stoppedAt).toBe(stopMs - 1_000)
  },
)

test('a run that is stopped while nothing hangs ends at once', async () => {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  emulator.put({ id: 'one' })
  const stream = await openStream({ client: emulator.client(), streamArn: emulator.streamArn, clock })
  const run = processStream(stream, () => {}, stopTimeouts(30_000))
  await clock.advance(2_000)
  const stoppedAt = clock.now()
  await clock.run(run.stop())
  await clock.run(stream.close())
  expect(run.counters.handled).toBe(1)
  expect(clock.now()).toBe(stoppedAt)
})

test.each([15_000, 0, Number.NaN])('less than 15 s to stop are refused: %d ms', (stopMs) => {
  expect(() => stopTimeouts(stopMs)).toThrow(RangeError)
})
