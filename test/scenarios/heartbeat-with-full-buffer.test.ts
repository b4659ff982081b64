import { expect, it } from 'vitest'
import type { Coordinator } from '../../src/index.ts'
import type { ManualClock, StreamEmulator } from '../../src/testing/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain } from '../support/read.ts'

const MINUTE = 60_000

/** Writes about six times the `maxBufferedBytes` of the coordinators below. */
function writeMegabytes(emulator: StreamEmulator, shardId: string): void {
  for (let n = 0; n < 100; n++) {
    emulator.put({ id: emulator.keyForShard(shardId, n % 50), n, text: 'x'.repeat(60_000) })
  }
}

async function expectHeartbeatToComplete(coordinator: Coordinator, clock: ManualClock): Promise<void> {
  let hasCompleted = false
  void coordinator.heartbeat().then(() => {
    hasCompleted = true
  })
  await clock.advance(MINUTE)
  expect(hasCompleted).toBe(true)
}

it('heartbeats complete although the buffer is full', async () => {
  const { clock, emulator, open } = emulatedTable({ shards: 2 })
  const [full] = emulator.openShards.map(({ shardId }) => shardId) as [string]
  const coordinator = open({ maxBufferedBytes: 1024 * 1024 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  writeMegabytes(emulator, full)
  expect(await clock.run(coordinator.next())).toBeDefined()
  let completed = 0
  for (let beat = 0; beat < 4; beat++) {
    await clock.advance(4 * MINUTE)
    void coordinator.heartbeat().then(() => {
      completed++
    })
  }
  await clock.advance(MINUTE)
  expect(completed).toBe(4)
})

it('a heartbeat completes although the iterator of a prefetched child has expired and the buffer is full', async () => {
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
  await expectHeartbeatToComplete(coordinator, clock)
})

it('a heartbeat completes although a prefetched child was crossing empty pages when the buffer became full', async () => {
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
  await expectHeartbeatToComplete(coordinator, clock)
})
