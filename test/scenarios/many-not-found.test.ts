import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'

it('one DescribeStream call serves forty shards that are not found at the same time', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 40 })
  const written = write(80)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  emulator.on('GetRecords', { times: 40 }, { fail: 'ResourceNotFoundException' })
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  // Another one has listed the shards.
  expect(emulator.log.filter(({ op }) => op === 'DescribeStream').length).toBe(2)
})
