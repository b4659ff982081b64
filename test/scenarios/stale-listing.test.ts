import { expect, it } from 'vitest'
import { sleep } from '../../src/core/clock.ts'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { readFor } from '../support/read-for.ts'

it('the children of a shard that ends during a slow listing are searched for in another one before next() returns undefined', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  let listings = 0
  const slow: StreamsApi = {
    openIterator: (...call) => emulator.api.openIterator(...call),
    readRecords: (...call) => emulator.api.readRecords(...call),
    listShards: async (...call) => {
      listings++
      const page = await emulator.api.listShards(...call)
      await sleep(clock, 2_000)
      return page
    },
  }
  const reader = open({ client: slow, discoveryIntervalMs: 5_000 })
  await clock.run(reader.moveTo('trim_horizon'))
  while (listings < 2) {
    expect(await drain(reader, clock)).toEqual([])
    await clock.advance(100)
  }
  emulator.roll()
  const written = write(2)
  expect(numbersOf(await drain(reader, clock))).toEqual(written)
})

it('a closed shard without children among 150 shards is finished within half a minute although all shards are listed once an hour', async () => {
  const { clock, emulator, open } = emulatedTable({ shards: 150 })
  const reader = open({ discoveryIntervalMs: 3_600_000 })
  const finished = collectEvents(reader, 'shardFinished')
  await clock.run(reader.moveTo('trim_horizon'))
  await drain(reader, clock)
  const { shardId } = emulator.closeShard()
  await readFor(reader, clock, 30_000)
  expect(finished).toEqual([{ shardId }])
})

it('a stream that DescribeStream occasionally does not find is not considered deleted', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const reader = open()
  await clock.run(reader.moveTo('trim_horizon'))
  for (let time = 0; time < 3; time++) {
    emulator.on('DescribeStream', {}, { fail: 'ResourceNotFoundException' })
    const written = write(1)
    expect(await readFor(reader, clock, 200_000)).toEqual(written)
  }
})
