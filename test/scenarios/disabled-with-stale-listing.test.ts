import { expect, it } from 'vitest'
import { sleep } from '../../src/core/clock.ts'
import type { StreamsApi } from '../../src/streams-api/streams-api.ts'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { shardPicture } from '../support/shard-picture.ts'

it('a disabled stream ends although the listing shows its last shard as open', async () => {
  const { clock, emulator, id, open, move, drain: drainNames, write } = shardPicture('a')
  const written = write('a a')
  const reader = open()
  await move(reader, 'trim_horizon')
  expect(await drainNames(reader)).toEqual(written)
  emulator.disable()
  emulator.showOpen(id('a'))
  await clock.advance(61_000)
  for (let second = 0; second < 20; second++) {
    expect(await drainNames(reader)).toEqual([])
    await clock.advance(1_000)
  }
  expect(reader.ended).toBe(true)
})

it('a slow listing requested right after the stream was disabled is followed by another one before the stream ends', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [first, second] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const written = write(2, first)
  written.push(...write(2, second))
  const slow: StreamsApi = {
    openIterator: (...call) => emulator.api.openIterator(...call),
    readRecords: (...call) => emulator.api.readRecords(...call),
    listShards: async (...call) => {
      const page = await emulator.api.listShards(...call)
      await sleep(clock, 2_000)
      return page
    },
  }
  const reader = open({ client: slow })
  await clock.run(reader.moveTo('trim_horizon'))
  const child = emulator.roll(first, { hidden: { ms: 3_000 } })
  written.push(...write(2, child.shardId))
  emulator.disable()
  emulator.on('GetRecords', { shard: second, times: 3 }, { delayMs: 500 })
  const delivered: number[] = []
  while (!reader.ended) delivered.push(...numbersOf(await drain(reader, clock)))
  expect(delivered.sort((a, b) => a - b)).toEqual(written)
})
