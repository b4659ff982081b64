import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { numbersOf } from '../support/read.ts'

it('records fetched before the table was deleted are delivered before stream.notFound although another shard was never read', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [first, second] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const written = write(2, first)
  await clock.advance(2_000)
  write(2, second)
  emulator.on(
    'GetRecords',
    { shard: second, times: Number.POSITIVE_INFINITY },
    { fail: 'ThrottlingException' },
  )
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const waiting = coordinator.next()
  await clock.advance(1_000)
  emulator.deleteTable()
  const delivered = [await clock.run(waiting), await clock.run(coordinator.next())]
  expect(numbersOf(delivered as never)).toEqual(written)
  await expect(clock.run(coordinator.next())).rejects.toMatchObject({ code: 'stream.notFound' })
})
