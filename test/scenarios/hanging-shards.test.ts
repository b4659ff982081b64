import { expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'

const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each([
  [1, 5, 3_000],
  [8, 40, 3_000],
  [64, 200, 3_000],
  [64, 200, 60_000],
])(
  'a record of a healthy shard is delivered with %i concurrent reads, %i hanging shards and a listing every %i ms',
  async (maxConcurrentReads, hanging, discoveryIntervalMs) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: hanging + 1 })
    const [healthy, ...stuck] = emulator.openShards
    write(1, healthy?.shardId)
    for (const { shardId } of stuck) emulator.on('GetRecords', { shard: shardId, ...ALWAYS }, { hang: true })
    const coordinator = open({ maxConcurrentReads, discoveryIntervalMs })
    const stalled = collectEvents(coordinator, 'shardStalled')
    await clock.run(coordinator.moveTo('trim_horizon'))
    let seen: unknown
    void coordinator.next().then((record) => {
      seen = record?.newImage?.n
    })
    await clock.advance(20 * 60_000)
    expect([stalled.length, seen]).toEqual([hanging, 0])
  },
)
