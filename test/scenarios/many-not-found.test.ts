import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'

it('one DescribeStream call is enough for forty shards that are not found at the same time', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 40 })
  const written = write(80)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  emulator.on('GetRecords', { times: 40 }, { fail: 'ResourceNotFoundException' })
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  // The other call listed the shards.
  expect(emulator.log.filter(({ op }) => op === 'DescribeStream').length).toBe(2)
})
