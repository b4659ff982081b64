import { expect, it } from 'vitest'
import { drain, emulated, numbersOf } from '../support/emulated.ts'

it('an endpoint that leaves the next iterator out on open shards costs a few listings a minute, and delays no record', async () => {
  const { clock, emulator, open, write } = emulated({ behaviour: { openShardNext: 'absent' } })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const [written, delivered]: [number[], number[]] = [[], []]
  for (let round = 0; round < 40; round++) {
    written.push(...write(1))
    await clock.advance(14_000)
    delivered.push(...numbersOf(await drain(coordinator, clock)))
    expect(delivered).toEqual(written)
  }
  const listings = emulator.log.filter(({ op }) => op === 'DescribeStream').length
  expect(listings).toBeLessThan(100)
})
