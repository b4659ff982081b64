import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'

it('a hidden child causes at most ten quick DescribeStream calls, even when the last records of its parent are consumed slowly', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(30)
  emulator.roll(undefined, { hidden: { ms: 3_600_000 } })
  const coordinator = open({ discoveryIntervalMs: 3_600_000 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  for (let n = 0; n < 30; n++) {
    expect(await clock.run(coordinator.next())).toBeDefined()
    await clock.advance(1_000)
  }
  for (let second = 0; second < 60; second++) {
    expect(await clock.run(coordinator.next())).toBeUndefined()
    await clock.advance(1_000)
  }
  // One more call listed the stream for moveTo().
  expect(emulator.log.filter(({ op }) => op === 'DescribeStream').length).toBeLessThanOrEqual(11)
})
