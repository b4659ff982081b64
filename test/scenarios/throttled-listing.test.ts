import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain } from '../support/read.ts'

it('next() returns undefined within two minutes although DescribeStream is throttled when a shard ends', async () => {
  const { clock, emulator, open } = emulatedTable({ shards: 2 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  emulator.roll(emulator.openShards[0])
  emulator.on('DescribeStream', { times: Number.POSITIVE_INFINITY }, { fail: 'ThrottlingException' })
  let end: unknown = 'pending'
  void coordinator.next().then((record) => {
    end = record
  })
  await clock.advance(120_000)
  expect(end).toBeUndefined()
})
