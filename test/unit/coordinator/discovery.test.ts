import { expect, it } from 'vitest'
import { collectEvents, type EmulatedTable, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

const MINUTE = 60_000
const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** Counts the DescribeStream calls since `from`: those for all shards, and those for the children of one. */
function describeCalls({ emulator }: EmulatedTable, from = 0) {
  const calls = emulator.log.slice(from).filter(({ op }) => op === 'DescribeStream')
  const children = calls.filter(({ shard }) => shard !== undefined).length
  return { children, pages: calls.length - children }
}

/** A coordinator that is at the tip of a stream with this many shards. */
async function atTheTip(shards: number) {
  const world = emulatedTable({ shards })
  const coordinator = world.open({ discoveryIntervalMs: 3_600_000 })
  await world.clock.run(coordinator.moveTo('latest'))
  await drain(coordinator, world.clock)
  return { ...world, coordinator, before: world.emulator.log.length }
}

it('the children of one shard among 150 are found with the CHILD_SHARDS filter, without listing all shards', async () => {
  const world = await atTheTip(150)
  const { clock, coordinator, emulator, write } = world
  emulator.split(emulator.openShards[0])
  const written = write(300)
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  expect(describeCalls(world, world.before)).toEqual({ children: 1, pages: 0 })
})

it('children that stay hidden are looked up in at most ten calls, and then with each periodic listing', async () => {
  const world = await atTheTip(150)
  const { clock, coordinator, emulator } = world
  emulator.split(emulator.openShards[0], 2, { hidden: {} })
  for (let minute = 0; minute < 30; minute++) {
    await drain(coordinator, clock)
    await clock.advance(MINUTE)
  }
  const { children, pages } = describeCalls(world, world.before)
  expect(children).toBeLessThanOrEqual(10)
  // A listing takes two pages.
  expect(children + pages / 2).toBeLessThanOrEqual(12)
})

it('one listing serves all shards that are read to their ends at the same time', async () => {
  const world = await atTheTip(20)
  const { clock, coordinator, emulator, write } = world
  for (const shard of [...emulator.openShards]) emulator.roll(shard)
  const written = write(40)
  expect(numbersOf(await drain(coordinator, clock)).sort((a, b) => a - b)).toEqual(written)
  expect(describeCalls(world, world.before).pages).toBeLessThanOrEqual(2)
})

it('a stream counts as deleted when two consecutive listings, a second apart, do not find it', async () => {
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

it('a single listing that does not find the stream is repeated after a second, while reading continues', async () => {
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

it('a listing that fails with a permission error is repeated when the consumer continues after the error', async () => {
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

it('a throttled lookup of children holds up other shards for at most a minute', async () => {
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

it('next() does not return undefined before the children of a shard that was read to its end are looked up', async () => {
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

it('next() does not return undefined before the children of a shard that was closed from the start are looked up', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(1)
  const child = emulator.roll(undefined, { hidden: { calls: 1 } })
  written.push(...write(1, child.shardId))
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  emulator.on('DescribeStream', {}, { delayMs: 5_000 })
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})

it('the children of a shard that only the last listing of a disabled stream shows are waited for', async () => {
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

it('shards are not listed while the consumer is away, and are listed again when it returns', async () => {
  const world = await atTheTip(3)
  const { clock, coordinator } = world
  await clock.advance(10 * 3_600_000)
  expect(describeCalls(world, world.before).pages).toBe(0)
  await drain(coordinator, clock)
  await clock.advance(1_000)
  expect(describeCalls(world, world.before).pages).toBeGreaterThanOrEqual(1)
})
