import { expect, it } from 'vitest'
import { collectEvents, type EmulatedTable, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

const MINUTE = 60_000
const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** The calls of DescribeStream since `from`: how many listed everything, and how many only the children of a shard. */
function describeCalls({ emulator }: EmulatedTable, from = 0) {
  const calls = emulator.log.slice(from).filter(({ op }) => op === 'DescribeStream')
  const children = calls.filter(({ shard }) => shard !== undefined).length
  return { children, pages: calls.length - children }
}

/** A reader of a stream that has so many shards that the children of one are looked up by themselves. */
async function atTheTip(shards: number) {
  const world = emulatedTable({ shards })
  const coordinator = world.open({ discoveryIntervalMs: 3_600_000 })
  await world.clock.run(coordinator.moveTo('latest'))
  await drain(coordinator, world.clock)
  return { ...world, coordinator, before: world.emulator.log.length }
}

it('the children of one shard among 150 are found with CHILD_SHARDS, without listing the stream', async () => {
  const world = await atTheTip(150)
  const { clock, coordinator, emulator, write } = world
  emulator.split(emulator.openShards[0])
  const written = write(300)
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  expect(describeCalls(world, world.before)).toEqual({ children: 1, pages: 0 })
})

it('the children of a shard that stay hidden are looked for in ten calls at most, and then at the periodic listing', async () => {
  const world = await atTheTip(150)
  const { clock, coordinator, emulator } = world
  emulator.split(emulator.openShards[0], 2, { hidden: {} })
  for (let minute = 0; minute < 30; minute++) {
    await drain(coordinator, clock)
    await clock.advance(MINUTE)
  }
  const { children, pages } = describeCalls(world, world.before)
  expect(children).toBeLessThanOrEqual(10)
  // Two pages a listing.
  expect(children + pages / 2).toBeLessThanOrEqual(12)
})

it('one listing serves all shards that were read to their ends at the same time', async () => {
  const world = await atTheTip(20)
  const { clock, coordinator, emulator, write } = world
  for (const shard of [...emulator.openShards]) emulator.roll(shard)
  const written = write(40)
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  expect(describeCalls(world, world.before).pages).toBeLessThanOrEqual(2)
})

it('a stream counts as deleted when two listings in a row do not know it, a second apart', async () => {
  const world = await atTheTip(1)
  const { clock, coordinator, emulator, before } = world
  emulator.on('DescribeStream', ALWAYS, { fail: 'ResourceNotFoundException' })
  emulator.roll()
  let end: unknown = 'reading'
  const reading = async () => {
    while ((await coordinator.next()) === undefined);
  }
  reading().catch((error: unknown) => {
    end = error
  })
  await clock.advance(30_000)
  expect(end).toMatchObject({ code: 'stream.notFound' })
  const calls = emulator.log.slice(before).filter(({ op }) => op === 'DescribeStream')
  expect(calls.length).toBe(2)
  const [first, second] = calls
  expect((second?.at as number) - (first?.at as number)).toBeGreaterThanOrEqual(1_000)
})

it('a single listing that does not know the stream is repeated after a second, and reading continues meanwhile', async () => {
  const world = await atTheTip(2)
  const { clock, coordinator, emulator, write } = world
  const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  emulator.on('DescribeStream', {}, { fail: 'ResourceNotFoundException' })
  const child = emulator.roll(a)
  const written = [...write(1, b), ...write(1, child.shardId)]
  const start = clock.monotonic()
  const seen = numbersOf(await drain(coordinator, clock))
  while (seen.length < 2) seen.push(...numbersOf(await drain(coordinator, clock)))
  expect(seen.sort()).toEqual(written)
  expect(clock.monotonic() - start).toBeLessThan(3_000)
})

it('a listing that fails for good is repeated once the consumer has seen the error and comes back', async () => {
  const world = await atTheTip(2)
  const { clock, coordinator, emulator, write } = world
  emulator.on('DescribeStream', {}, { fail: 'AccessDeniedException' })
  const child = emulator.roll(emulator.openShards[0])
  const written = write(2, child.shardId)
  await expect(drain(coordinator, clock)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  await clock.advance(10 * MINUTE)
  expect(describeCalls(world, world.before)).toEqual({ children: 0, pages: 1 })
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})

it('a throttled first look for children lets other shards proceed after a minute', async () => {
  const world = await atTheTip(2)
  const { clock, coordinator, emulator, write } = world
  const [a, b] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  let isThrottled = true
  emulator.on('DescribeStream', ALWAYS, () => (isThrottled ? { fail: 'ThrottlingException' } : undefined))
  const retries = collectEvents(coordinator, 'retry')
  const child = emulator.roll(a)
  await clock.advance(2_000)
  const late = write(1, child.shardId)
  const written = write(1, b)
  const seen: number[] = []
  void coordinator.next().then((record) => seen.push(record?.newImage?.n as number))
  await clock.advance(2 * MINUTE)
  expect(seen).toEqual(written)
  expect(retries.every(({ operation }) => operation === 'DescribeStream')).toBe(true)
  isThrottled = false
  await clock.advance(20_000)
  expect(numbersOf(await drain(coordinator, clock))).toEqual(late)
})

it('next() does not return undefined while a shard that was read to its end is looked into for the first time', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  const [child] = emulator.split(emulator.openShards[0])
  const written = write(1, child?.shardId)
  emulator.on('DescribeStream', {}, { delayMs: 5_000 })
  await clock.advance(500)
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})

it('next() does not return undefined while the children of a shard that was closed from the start are looked for', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(1)
  const child = emulator.roll(undefined, { hidden: { calls: 1 } })
  written.push(...write(1, child.shardId))
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  emulator.on('DescribeStream', {}, { delayMs: 5_000 })
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})

it('a child that only the last listing of a disabled stream shows has its own children waited for', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(2)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const child = emulator.roll(undefined, { hidden: { ms: 1_400 } })
  written.push(...write(2))
  emulator.roll(child, { hidden: { ms: 2_600 } })
  written.push(...write(2))
  emulator.disable()
  const seen: number[] = []
  for (let n = 0; n < 40 && !coordinator.ended; n++) {
    seen.push(...numbersOf(await drain(coordinator, clock)))
    await clock.advance(500)
  }
  expect(seen).toEqual(written)
})

it('shards are not listed while the consumer stays away, and are when it comes back', async () => {
  const world = await atTheTip(3)
  const { clock, coordinator } = world
  await clock.advance(10 * 3_600_000)
  expect(describeCalls(world, world.before).pages).toBe(0)
  await drain(coordinator, clock)
  await clock.advance(1_000)
  expect(describeCalls(world, world.before).pages).toBeGreaterThanOrEqual(1)
})
