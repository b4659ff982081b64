import { expect, it } from 'vitest'
import { collectEvents, type EmulatedTable, emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { readFor } from '../support/read-for.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** Makes the next listing fail, and suspends the process for ten hours before the error arrives. */
function failAfterSuspension({ clock, emulator }: EmulatedTable): void {
  emulator.on('DescribeStream', {}, () => {
    clock.setTimer(40, () => clock.suspend(10 * HOUR))
    return { delayMs: 80, fail: 'ThrottlingException' }
  })
}

it('a parent trimmed while the process was suspended is not waited for, and records are delivered in timestamp order', async () => {
  const table = emulatedTable({ shards: 2 })
  const { clock, emulator, open, write } = table
  const [parent, other] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  write(1, parent)
  await clock.advance(4 * HOUR)
  const child = emulator.roll(parent)
  await clock.advance(15 * HOUR)
  const older = write(2, child.shardId)
  await clock.advance(HOUR)
  const newer = write(2, other)
  failAfterSuspension(table)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock))).toEqual([...older, ...newer])
})

it('a child of a parent trimmed while the process was suspended is read although every later listing fails', async () => {
  const table = emulatedTable()
  const { clock, emulator, open, write } = table
  const parent = emulator.openShards[0]?.shardId as string
  write(1, parent)
  await clock.advance(4 * HOUR)
  emulator.roll(parent)
  await clock.advance(15 * HOUR)
  const written = write(2)
  failAfterSuspension(table)
  emulator.on('DescribeStream', { nth: 3, ...ALWAYS }, { fail: 'ThrottlingException' })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await readFor(coordinator, clock, 5 * MINUTE)).toEqual(written)
})

it.each(['without a child', 'with a hidden child'])(
  'no gap is reported for a shard read to its end that expires between two pages of a listing (%s)',
  async (kind) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
    emulator.setBehavior({ shardsPerPage: 1 })
    const shard = emulator.shards.map(({ shardId }) => shardId).sort()[1] as string
    const coordinator = open()
    const gaps = collectEvents(coordinator, 'gap')
    await clock.advance(10 * HOUR)
    const written = write(2, shard)
    await clock.run(coordinator.moveTo('trim_horizon'))
    expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
    if (kind === 'without a child') emulator.closeShard(shard)
    else emulator.hide(emulator.roll(shard), { ms: 30 * HOUR })
    emulator.on('DescribeStream', {}, () => {
      clock.setTimer(40, () => clock.suspend(25 * HOUR))
      return { delayMs: 80 }
    })
    expect(await readFor(coordinator, clock, 2 * MINUTE)).toEqual([])
    expect(gaps).toEqual([])
  },
)

it('finished shards that a listing omits are neither forgotten nor read again when it completes hours later', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  emulator.setBehavior({ shardsPerPage: 1 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const written: number[] = []
  const shards = [emulator.openShards[0]?.shardId as string]
  for (let generation = 0; generation < 3; generation++) {
    const shard = shards.at(-1) as string
    written.push(...write(1, shard))
    await clock.advance(1_000)
    shards.push(emulator.roll(shard).shardId)
  }
  expect(await readFor(coordinator, clock, 2 * MINUTE)).toEqual(written)
  for (const shard of shards.slice(1, 3)) emulator.hide(shard)
  await readFor(coordinator, clock, 2 * MINUTE)
  // The last page of the next listing arrives five hours later. From then on the hidden shards are listed
  // again, the parent on a page before its child.
  emulator.on('DescribeStream', {}, () => {
    clock.setTimer(40, () => clock.suspend(5 * HOUR))
    return { delayMs: 80 }
  })
  await readFor(coordinator, clock, MINUTE)
  for (const shard of shards) emulator.show(shard)
  expect(await readFor(coordinator, clock, 5 * MINUTE)).toEqual([])
})
