import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { readFor } from '../support/read-for.ts'

it('lag() includes a shard that is not read yet because its parent is hidden', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [a] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  write(2, a)
  const child = emulator.roll(a)
  write(2, child.shardId)
  emulator.hide(a)
  await clock.advance(3_600_000)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await readFor(coordinator, clock, 120_000)
  expect(coordinator.lag().millisBehindLatest).toBeGreaterThanOrEqual(3_600_000)
})
