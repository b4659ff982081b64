import { expect, it } from 'vitest'
import { drain, emulated } from '../support/emulated.ts'

it('a heartbeat renews iterators though memory is full', async () => {
  const { clock, emulator, open } = emulated({ shards: 2 })
  const [full] = emulator.openShards.map(({ shardId }) => shardId) as [string]
  const coordinator = open({ maxBufferedBytes: 1024 * 1024 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  for (let n = 0; n < 100; n++) {
    emulator.put({ id: emulator.keyIn(full, n % 50), n, text: 'x'.repeat(60_000) })
  }
  expect(await clock.run(coordinator.next())).toBeDefined()
  let beats = 0
  for (let beat = 0; beat < 4; beat++) {
    await clock.advance(4 * 60_000)
    void coordinator.heartbeat().then(() => {
      beats++
    })
  }
  await clock.advance(60_000)
  expect(beats).toBe(4)
})
