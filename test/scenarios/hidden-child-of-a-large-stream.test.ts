import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'

const HOUR = 3_600_000

it('a child that is hidden for 3 s on a stream of 1,000 shards is found with CHILD_SHARDS, without listing the whole stream', async () => {
  const { clock, emulator, open } = emulatedTable({ shards: 1_000 })
  const coordinator = open({ discoveryIntervalMs: HOUR, idlePollMs: { min: 1_000, max: 1_000 } })
  await clock.run(coordinator.moveTo('latest'))
  await clock.run(coordinator.next())
  const before = emulator.log.length
  const child = emulator.roll(emulator.openShards[0], { hidden: { ms: 3_000 } })
  const start = clock.monotonic()
  emulator.put({ id: emulator.keyForShard(child), n: 1 })
  const seen: number[] = []
  while (seen.length === 0) seen.push(...numbersOf(await drain(coordinator, clock)))
  expect(clock.monotonic() - start).toBeLessThan(6_000)
  const calls = emulator.log.slice(before).filter(({ op }) => op === 'DescribeStream')
  expect(calls.length).toBeLessThanOrEqual(10)
})
