import { expect, it } from 'vitest'
import type { ManualClock } from '../../src/testing/index.ts'
import { collectEvents, type EmulatedTable, emulatedTable } from '../support/emulated-table.ts'
import { drain } from '../support/read.ts'
import { readFor } from '../support/read-for.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each<[string, (clock: ManualClock) => void]>([
  ['the process is suspended', (clock) => clock.suspend(30 * MINUTE)],
  ['the machine sleeps, with its monotonic clock stopped,', (clock) => clock.jump(30 * MINUTE)],
])('no record of a hidden parent is lost when %s for half an hour during a listing', async (_, sleep) => {
  for (const nth of [1, 2, 3, 4]) {
    const { clock, emulator, open } = emulatedTable({ shards: 2 })
    const [root] = emulator.openShards
    const key = emulator.keyForShard(root as never)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    const parent = emulator.roll(root, { hidden: { ms: 20_000 } })
    for (let n = 0; n < 5; n++) emulator.put({ id: key, n })
    emulator.roll(parent)
    for (let n = 5; n < 10; n++) emulator.put({ id: key, n })
    let calls = 0
    emulator.on('DescribeStream', ALWAYS, () => {
      if (++calls === nth) clock.setTimer(40, () => sleep(clock))
      return { delayMs: 80 }
    })
    expect(await readFor(coordinator, clock, 2 * MINUTE)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  }
})

it.each([60_000, 3_600_000])(
  'a formerly hidden parent is read at once after a listing that a suspension delayed by five hours (discoveryIntervalMs %i)',
  async (discoveryIntervalMs) => {
    const { clock, emulator, open, write } = emulatedTable({ shards: 1 })
    const parent = emulator.openShards[0]?.shardId as string
    clock.suspend(20 * HOUR)
    const written = write(2, parent)
    const child = emulator.roll(parent)
    written.push(...write(2, child.shardId))
    emulator.hide(parent)
    const coordinator = open({ discoveryIntervalMs })
    const gaps = collectEvents(coordinator, 'gap')
    await clock.run(coordinator.moveTo('trim_horizon'))
    emulator.on('DescribeStream', { nth: 1 }, () => {
      clock.setTimer(40, () => {
        clock.suspend(5 * HOUR)
        emulator.show(parent)
      })
      return { delayMs: 80 }
    })
    expect(await readFor(coordinator, clock, MINUTE)).toEqual(written)
    expect(gaps).toEqual([])
  },
)

/** A hidden parent and its child, both with records, and an unrelated shard. */
function hiddenParent(duration: { ms?: number }, options: Parameters<EmulatedTable['open']>[0] = {}) {
  const table = emulatedTable({ shards: 2 })
  const { emulator } = table
  const [parent, other] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const inParent = table.write(2, parent)
  const child = emulator.roll(parent)
  const inChild = table.write(2, child.shardId)
  emulator.hide(parent, duration)
  return { ...table, parent, other, inParent, inChild, coordinator: table.open(options) }
}

it.each([60_000, 3_600_000])(
  'a parent that is hidden for 5 s is read within 20 s (discoveryIntervalMs %i)',
  async (discoveryIntervalMs) => {
    const { clock, coordinator, inParent, inChild } = hiddenParent({ ms: 5_000 }, { discoveryIntervalMs })
    await clock.run(coordinator.moveTo('trim_horizon'))
    expect(await readFor(coordinator, clock, 20_000)).toEqual([...inParent, ...inChild])
  },
)

it('a child whose parent is never listed is read after five minutes although all shards are listed only once an hour', async () => {
  const { clock, coordinator, inChild, parent } = hiddenParent({}, { discoveryIntervalMs: 3_600_000 })
  const timeouts = collectEvents(coordinator, 'parentWaitTimedOut')
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await readFor(coordinator, clock, 5 * MINUTE - 1_000)).toEqual([])
  expect(timeouts).toEqual([])
  expect(await readFor(coordinator, clock, 30_000)).toEqual(inChild)
  expect(timeouts).toMatchObject([{ parentId: parent }])
})

it('a hidden parent does not delay the records of other shards', async () => {
  const { clock, coordinator, other, write } = hiddenParent({})
  await clock.run(coordinator.moveTo('trim_horizon'))
  const written = write(2, other)
  expect(await readFor(coordinator, clock, 10_000)).toEqual(written)
})

it('a parent that has been hidden for a minute is searched for a few times per minute, and not without a caller', async () => {
  const { clock, coordinator, emulator } = hiddenParent({})
  await clock.run(coordinator.moveTo('trim_horizon'))
  await readFor(coordinator, clock, MINUTE)
  const listings = () => emulator.log.filter(({ op }) => op === 'DescribeStream').length
  const before = listings()
  await readFor(coordinator, clock, MINUTE)
  expect(listings() - before).toBeGreaterThanOrEqual(5)
  expect(listings() - before).toBeLessThanOrEqual(10)
  const whileReading = listings()
  await clock.advance(10 * MINUTE)
  expect(listings() - whileReading).toBeLessThanOrEqual(1)
})

it('a token that is saved and loaded while a parent is hidden loses and repeats no record', async () => {
  const { clock, coordinator, open, inParent, inChild } = hiddenParent({ ms: 30_000 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await readFor(coordinator, clock, 10_000)).toEqual([])
  const next = open()
  await clock.run(next.moveTo(JSON.stringify(coordinator.token)))
  expect(await readFor(next, clock, MINUTE)).toEqual([...inParent, ...inChild])
})

it('two hidden parents are each read before their children, whichever parent is listed first', async () => {
  for (const [first, second] of [
    [2_000, 20_000],
    [20_000, 2_000],
  ]) {
    const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
    const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
    const written = [...write(2, a), ...write(2, b)]
    const children = [emulator.roll(a), emulator.roll(b)]
    for (const { shardId } of children) written.push(...write(2, shardId))
    emulator.hide(a, { ms: first })
    emulator.hide(b, { ms: second })
    emulator.on('*', ALWAYS, { delayMs: 50 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const seen = await readFor(coordinator, clock, 90_000)
    expect([...seen].sort((x, y) => x - y)).toEqual(written)
    expect(seen.indexOf(1)).toBeLessThan(seen.indexOf(4))
    expect(seen.indexOf(3)).toBeLessThan(seen.indexOf(6))
  }
})
