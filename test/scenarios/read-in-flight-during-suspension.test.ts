import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'

it.each([2, 3, 4, 5, 6, 7, 8, 9])(
  'records written while the process was suspended are delivered in timestamp order although read %i of a shard was in flight',
  async (nth) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
    const [slow, fast] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
    const coordinator = open()
    const written = write(2, slow)
    await clock.run(coordinator.moveTo('trim_horizon'))
    let reads = 0
    // The service sends the response before the suspension, and it arrives afterwards.
    emulator.on('GetRecords', { shard: slow, times: Number.POSITIVE_INFINITY }, () =>
      ++reads === nth ? { delayMs: 200 } : undefined,
    )
    const records = [await clock.run(coordinator.next())]
    for (let ms = 0; reads < nth && ms < 3_000; ms++) await clock.advance(1)
    clock.suspend(60_000)
    written.push(...write(1, slow))
    clock.suspend(60_000)
    written.push(...write(1, fast))
    records.push(...(await drain(coordinator, clock)), ...(await drain(coordinator, clock)))
    expect(numbersOf(records.filter((record) => record !== undefined))).toEqual(written)
  },
)
