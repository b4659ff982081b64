import { expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'

const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each([
  [1, 5, 3_000],
  [8, 40, 3_000],
  [64, 200, 3_000],
  [64, 200, 60_000],
])(
  'with %i reads at once, %i shards that hang and listings every %i ms, a record of another shard is delivered',
  async (maxConcurrentReads, hanging, discoveryIntervalMs) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: hanging + 1 })
    const [sound, ...hung] = emulator.openShards
    write(1, sound?.shardId)
    for (const { shardId } of hung) emulator.on('GetRecords', { shard: shardId, ...ALWAYS }, { hang: true })
    const coordinator = open({ maxConcurrentReads, discoveryIntervalMs })
    const shardStalled = collectEvents(coordinator, 'shardStalled')
    await clock.run(coordinator.moveTo('trim_horizon'))
    let seen: unknown
    void coordinator.next().then((record) => {
      seen = record?.newImage?.n
    })
    await clock.advance(20 * 60_000)
    expect([shardStalled.length, seen]).toEqual([hanging, 0])
  },
)
