import { expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { readFor } from '../support/read-for.ts'

it('records of idle shards are delivered in timestamp order after the machine slept with its monotonic clock stopped', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
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

it('records trimmed while the machine slept with its monotonic clock stopped are reported as a gap', async () => {
  const { clock, open, write } = emulatedTable()
  const coordinator = open({ onGap: 'continue' })
  const gaps = collectEvents(coordinator, 'gap')
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  write(2)
  clock.jump(30 * 3_600_000)
  const written = write(1)
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  expect(gaps).toHaveLength(1)
})

it.each([
  ['the machine slept', true],
  ['the process was suspended', false],
])(
  'the retained records of a closed shard are delivered, and the trimmed ones reported as a gap, after %s',
  async (_, wasAsleep) => {
    const { clock, emulator, open, write } = emulatedTable()
    await clock.advance(3_600_000)
    const first = open()
    await clock.run(first.moveTo('latest'))
    const token = JSON.stringify(first.token)
    await first.close()
    await clock.advance(60_000)
    write(2)
    await clock.advance(2 * 3_600_000)
    const retained = write(2)
    emulator.roll()
    retained.push(...write(1))
    const second = open({ onGap: 'continue' })
    const gaps = collectEvents(second, 'gap')
    await clock.run(second.moveTo(token))
    if (wasAsleep) clock.jump(23 * 3_600_000)
    else clock.suspend(23 * 3_600_000)
    expect(await readFor(second, clock, 180_000)).toEqual(retained)
    expect(gaps).toHaveLength(1)
  },
)
