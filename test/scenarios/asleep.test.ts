import { expect, it } from 'vitest'
import { drain, emulated, heard, numbersOf } from '../support/emulated.ts'

it('after a machine was asleep, with its monotonic clock at rest, records of idle shards come in the order of their times', async () => {
  const { clock, emulator, open, write } = emulated({ shards: 2 })
  const [slow, fast] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  clock.jump(3_600_000)
  const written = write(1, slow)
  clock.jump(10_000)
  written.push(...write(1, fast))
  emulator.on('GetRecords', { shard: slow, times: 1 }, { delayMs: 2_000 })
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})

it('records that were trimmed while a machine was asleep, with its monotonic clock at rest, are reported as a gap', async () => {
  const { clock, open, write } = emulated()
  const coordinator = open({ onGap: 'continue' })
  const gaps = heard(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  write(2)
  clock.jump(30 * 3_600_000)
  const written = write(1)
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  expect(gaps).toHaveLength(1)
})
