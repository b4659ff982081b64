import { expect, it } from 'vitest'
import { type CoordinatorEvents, coordinatorEventNames } from '../../../src/coordinator/events.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { collectEvents, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

const HOUR = 3_600_000

it('Coordinator.roots contains the children of a shard once all of its records have been delivered', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(2)
  const [root] = emulator.openShards.map(({ shardId }) => shardId)
  const children = emulator.split().map(({ shardId }) => shardId)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const rootIds = () => coordinator.roots.map(({ shardId }) => shardId).sort()
  expect(rootIds()).toEqual([root])
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  expect(rootIds()).toEqual([...children].sort())
  expect(coordinator.active.map(({ shardId }) => shardId).sort()).toEqual([...children].sort())
})

it('caughtUp is not emitted while a shard that was at its tip is failing', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  const [healthy, failing] = emulator.openShards.map(({ shardId }) => shardId) as [string, string]
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await drain(coordinator, clock)
  const events = collectEvents(coordinator, 'caughtUp')
  const always = { times: Number.POSITIVE_INFINITY }
  emulator.on('GetRecords', { shard: failing, ...always }, { fail: 'InternalServerError' })
  write(3, failing)
  void (async () => {
    for (;;) await coordinator.next()
  })()
  await clock.advance(20_000)
  write(1, healthy)
  await clock.advance(20_000)
  expect(events).toEqual([])
})

it('caughtUp is emitted again each time reading has caught up with new records', async () => {
  const { clock, open, write } = emulatedTable({ shards: 2 })
  const coordinator = open()
  const events = collectEvents(coordinator, 'caughtUp')
  await clock.run(coordinator.moveTo('trim_horizon'))
  for (let round = 1; round <= 3; round++) {
    write(4)
    await clock.advance(30_000)
    await drain(coordinator, clock)
    expect(events.length).toBe(round)
    // Polls that find nothing do not emit it again.
    await drain(coordinator, clock)
    expect(events.length).toBe(round)
  }
  expect(events[0]).toEqual({ shards: 2 })
})

it('a closed coordinator emits no events, whatever was in flight', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 2 })
  write(4)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const events: string[] = []
  for (const name of coordinatorEventNames)
    coordinator.on<keyof CoordinatorEvents>(name, () => events.push(name))
  for (const effect of [{}, { fail: 'ThrottlingException' }, { fail: 'TrimmedDataAccessException' }]) {
    emulator.on('GetRecords', {}, { delayMs: 5_000, ...effect })
  }
  const waiting = coordinator.next().catch((error: unknown) => error)
  await clock.advance(1_000)
  events.length = 0
  await coordinator.close()
  await clock.advance(60_000)
  expect(await waiting).toMatchObject({ code: 'closed' })
  expect(events).toEqual([])
})

it('iterators that expire as soon as they are opened are not renewed without a pause', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(2)
  const coordinator = open()
  emulator.on('GetRecords', { times: 6 }, { fail: 'ExpiredIteratorException' })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const start = clock.now()
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
  const opened = emulator.log.filter(({ op }) => op === 'GetShardIterator')
  expect((opened.at(-1)?.at as number) - start).toBeGreaterThan(300)
})

it('a closed shard is still read after its oldest position was refused once, as if trimmed between two calls', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  await clock.advance(20 * HOUR)
  const written = write(3)
  emulator.roll()
  await clock.advance(5 * HOUR)
  const coordinator = open()
  emulator.on('GetRecords', {}, { fail: 'TrimmedDataAccessException' })
  await clock.run(coordinator.moveTo('trim_horizon'))
  expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
})

it('concurrent calls of next() return the records in order, each one once', async () => {
  const { clock, emulator, open, write } = emulatedTable({ shards: 3 })
  emulator.on('*', { times: Number.POSITIVE_INFINITY }, { delayMs: 30 })
  const written: number[] = []
  for (let second = 0; second < 9; second++) {
    written.push(...write(1))
    await clock.advance(1_000)
  }
  const coordinator = open({ pageSize: 2 })
  await clock.run(coordinator.moveTo('trim_horizon'))
  const records = await clock.run(Promise.all(Array.from({ length: 9 }, () => coordinator.next())))
  expect(records.map((record) => record?.newImage?.n)).toEqual(written)
})

it('calls of next() that are queued behind a failing one still return their records', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  const written = write(2)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  emulator.on('GetRecords', {}, { fail: 'AccessDeniedException' })
  const calls = [coordinator.next(), coordinator.next(), coordinator.next()]
  const [first, ...rest] = await clock.run(Promise.allSettled(calls))
  expect(first).toMatchObject({ status: 'rejected', reason: { name: 'AccessDeniedException' } })
  expect(rest.map((end) => end.status === 'fulfilled' && end.value?.newImage?.n)).toEqual(written)
})

it('a call of next() made when another one resolves does not overtake the queued ones', async () => {
  const { clock, open, write } = emulatedTable()
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  write(3)
  const order: [string, number | undefined][] = []
  const note = (name: string) => (record: StreamRecord | undefined) =>
    void order.push([name, record && (numbersOf([record])[0] as number)])
  let third: Promise<void> | undefined
  const first = coordinator.next().then((record) => {
    third = coordinator.next().then(note('third'))
    note('first')(record)
  })
  const second = coordinator.next().then(note('second'))
  await clock.run(Promise.all([first, second]))
  await clock.run(third as Promise<void>)
  expect(order).toEqual([
    ['first', 0],
    ['second', 1],
    ['third', 2],
  ])
})

it('Coordinator.active contains a shard once its records can be delivered, not while they wait for those of its parent', async () => {
  const { clock, emulator, open, write } = emulatedTable()
  write(2)
  const [parent] = emulator.openShards
  const child = emulator.roll()
  write(1)
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  await clock.run(coordinator.next())
  await clock.advance(1_000)
  expect(coordinator.active.map(({ shardId }) => shardId)).toEqual([parent?.shardId])
  await drain(coordinator, clock)
  expect(coordinator.active.map(({ shardId }) => shardId)).toEqual([child.shardId])
})
