import { expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'

it.each([
  ['waits', 1],
  ['does not wait', 2],
])(
  'a suspension of the process does not count as time waited for the children of a shard while the consumer %s',
  async (_, count) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
    const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    const written = write(count, a)
    // The response arrives after the suspension, when the call has already timed out.
    emulator.on('DescribeStream', { times: 1 }, { delayMs: 60_000 })
    emulator.roll(emulator.shard(a))
    const records = [await clock.run(coordinator.next())]
    const next = count === 1 ? coordinator.next() : undefined
    await clock.advance(2_000)
    const [child] = emulator.openShards.filter(({ shardId }) => shardId !== b)
    written.push(...write(1, child?.shardId))
    clock.suspend(10 * 60_000)
    written.push(...write(1, b))
    if (next) records.push(await clock.run(next))
    records.push(...(await drain(coordinator, clock)))
    expect(numbersOf(records.filter((record) => record !== undefined))).toEqual(written)
  },
)
