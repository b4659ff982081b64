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

it('a heartbeat ends though the iterator of a child that is held back has expired and memory is full', async () => {
  const { clock, emulator, open, write } = emulated({ shards: 2 })
  const [full, parent] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const coordinator = open({ maxBufferedBytes: 1024 * 1024 })
  write(2, full)
  await clock.advance(2_000)
  write(1, parent)
  const [child] = emulator.split(parent, 1)
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await clock.run(coordinator.next())).toMatchObject({ shardId: full })
  await clock.advance(4_000)
  expect(emulator.log.some(({ op, shard }) => op === 'GetRecords' && shard === child?.shardId)).toBe(true)
  for (let n = 0; n < 100; n++) {
    emulator.put({ id: emulator.keyIn(full, n % 50), n, text: 'x'.repeat(60_000) })
  }
  expect(await clock.run(coordinator.next())).toMatchObject({ shardId: full })
  await clock.advance(11 * 60_000)
  emulator.expireIterators()
  let hasEnded = false
  void coordinator.heartbeat().then(() => {
    hasEnded = true
  })
  await clock.advance(60_000)
  expect(hasEnded).toBe(true)
})
