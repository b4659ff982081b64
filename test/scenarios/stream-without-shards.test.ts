import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { numbersOf } from '../support/read.ts'

it('the first shard of a stream that is being enabled is read within seconds although all shards are listed once an hour', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  for (const shard of emulator.openShards) emulator.hide(shard, { ms: 30_000 })
  write(1)
  const coordinator = open({ discoveryIntervalMs: 3_600_000 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const start = clock.now()
  for (;;) {
    const record = await clock.run(coordinator.next())
    if (record === undefined) continue
    expect(numbersOf([record])).toEqual([0])
    break
  }
  expect(clock.now() - start).toBeLessThan(35_000)
})
