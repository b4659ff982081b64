import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain } from '../support/read.ts'

it('a heartbeat does not wait for a failing shard', async () => {
  const { clock, emulator, open } = emulatedTable({ shards: 2 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  await clock.advance(11 * 60_000)
  const [failing] = emulator.openShards
  emulator.on(
    'GetRecords',
    { shard: failing as never, times: Number.POSITIVE_INFINITY },
    { fail: 'ThrottlingException' },
  )
  const start = clock.now()
  await clock.run(coordinator.heartbeat())
  expect(clock.now() - start).toBeLessThan(5_000)
})
