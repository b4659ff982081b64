import { expect, it } from 'vitest'
import type { Coordinator } from '../../src/index.ts'
import type { ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain } from '../support/read.ts'

const MINUTE = 60_000

/** Writes six times as much as these coordinators buffer. */
function writeMegabytes(emulator: StreamEmulator, shardId: string): void {
  for (let n = 0; n < 100; n++) {
    emulator.put({ id: emulator.keyForShard(shardId, n % 50), n, text: 'x'.repeat(60_000) })
  }
}

async function expectHeartbeat(coordinator: Coordinator, clock: ManualClock): Promise<void> {
  let hasEnded = false
  void coordinator.heartbeat().then(() => {
    hasEnded = true
  })
  await clock.advance(MINUTE)
  expect(hasEnded).toBe(true)
}

it('a heartbeat renews iterators though memory is full', async () => {
  const { clock, emulator, open } = emulatedTable({ shards: 2 })
  const [full] = emulator.openShards.map(({ shardId }) => shardId) as [string]
  const coordinator = open({ maxBufferedBytes: 1024 * 1024 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  writeMegabytes(emulator, full)
  expect(await clock.run(coordinator.next())).toBeDefined()
  let beats = 0
  for (let beat = 0; beat < 4; beat++) {
    await clock.advance(4 * MINUTE)
    void coordinator.heartbeat().then(() => {
      beats++
    })
  }
  await clock.advance(MINUTE)
  expect(beats).toBe(4)
})

it('a heartbeat ends though the iterator of a child that is held back has expired and memory is full', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
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
  writeMegabytes(emulator, full)
  expect(await clock.run(coordinator.next())).toMatchObject({ shardId: full })
  await clock.advance(11 * MINUTE)
  emulator.expireIterators()
  await expectHeartbeat(coordinator, clock)
})

it('a heartbeat ends though a child that is held back was crossing empty pages when memory became full', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [full, parent] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const coordinator = open({ maxBufferedBytes: 1024 * 1024 })
  write(2, full)
  await clock.advance(2_000)
  write(1, parent)
  const shard = emulator.split(parent, 1)[0]?.shardId as string
  emulator.on('GetShardIterator', { shard }, { emptyPagesAtStart: 5 })
  emulator.on('GetRecords', { shard, times: Number.POSITIVE_INFINITY }, { delayMs: 500 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await clock.run(coordinator.next())).toMatchObject({ shardId: full })
  await clock.advance(1_200)
  writeMegabytes(emulator, full)
  expect(await clock.run(coordinator.next())).toMatchObject({ shardId: full })
  await clock.advance(11 * MINUTE)
  await expectHeartbeat(coordinator, clock)
})
