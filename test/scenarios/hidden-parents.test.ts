import { expect, it } from 'vitest'
import type { ManualClock } from '../../src/testing/index.ts'
import { collectEvents, type EmulatedTable, emulatedTable } from '../support/emulated-table.ts'
import { drain } from '../support/read.ts'
import { readFor } from './read-for.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each<[string, (clock: ManualClock) => void]>([
  ['suspended', (clock) => clock.suspend(30 * MINUTE)],
  ['asleep with its machine, and its monotonic clock with it,', (clock) => clock.jump(30 * MINUTE)],
])(
  'a process that is %s for half an hour while shards are listed loses no record of a parent that was hidden then',
  async (_, sleep) => {
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
  },
)

it.each([60_000, 3_600_000])(
  'a parent that was hidden is read at once when the listing completes five hours later, after a suspension, with all shards listed every %i ms',
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

/** A shard whose parent is hidden, both with records; another shard beside them. */
function hiddenParent(duration: { ms?: number }, options: Parameters<EmulatedTable['open']>[0] = {}) {
  const world = emulatedTable({ shards: 2 })
  const { emulator } = world
  const [parent, other] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const inParent = world.write(2, parent)
  const child = emulator.roll(parent)
  const inChild = world.write(2, child.shardId)
  emulator.hide(parent, duration)
  return { ...world, parent, other, inParent, inChild, coordinator: world.open(options) }
}

it.each([60_000, 3_600_000])(
  'a parent that is hidden for 5 s is read within 20 s, with all shards listed every %i ms',
  async (discoveryIntervalMs) => {
    const { clock, coordinator, inParent, inChild } = hiddenParent({ ms: 5_000 }, { discoveryIntervalMs })
    await clock.run(coordinator.moveTo('trim_horizon'))
    expect(await readFor(coordinator, clock, 20_000)).toEqual([...inParent, ...inChild])
  },
)

it('a child whose parent is never listed is read after five minutes, with all shards listed once an hour', async () => {
  const { clock, coordinator, inChild, parent } = hiddenParent({}, { discoveryIntervalMs: 3_600_000 })
  const unlisted = collectEvents(coordinator, 'parentWaitTimedOut')
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await readFor(coordinator, clock, 5 * MINUTE - 1_000)).toEqual([])
  expect(unlisted).toEqual([])
  expect(await readFor(coordinator, clock, 30_000)).toEqual(inChild)
  expect(unlisted).toMatchObject([{ parentId: parent }])
})

it('a hidden parent does not hold up the records of other shards', async () => {
  const { clock, coordinator, other, write } = hiddenParent({})
  await clock.run(coordinator.moveTo('trim_horizon'))
  const written = write(2, other)
  expect(await readFor(coordinator, clock, 10_000)).toEqual(written)
})

it('a hidden parent is looked for a few times a minute once it has been hidden for long, and by nobody while nobody reads', async () => {
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

it('a token that is saved while a parent is hidden, and loaded while it still is, loses and repeats nothing', async () => {
  const { clock, coordinator, open, inParent, inChild } = hiddenParent({ ms: 30_000 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(await readFor(coordinator, clock, 10_000)).toEqual([])
  const next = open()
  await clock.run(next.moveTo(JSON.stringify(coordinator.token)))
  expect(await readFor(next, clock, MINUTE)).toEqual([...inParent, ...inChild])
})

it('parents that are hidden in two places are read before their children, whichever shows up first', async () => {
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
