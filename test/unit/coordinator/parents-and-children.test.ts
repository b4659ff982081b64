import { describe, expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf, sorted } from '../../support/read.ts'

describe('parents and children', () => {
  it.each(['supported', 'empty', 'ignored', 'refused'] as const)(
    'children are waited for while DescribeStream does not show them (CHILD_SHARDS filter: %s)',
    async (childShards) => {
      const { emulator, clock, open, write } = emulatedTable({ behavior: { childShards } })
      const coordinator = open()
      await clock.run(coordinator.moveTo('trim_horizon'))
      const written = write(5)
      emulator.split(undefined, 2, { hidden: { ms: 20_000 } })
      written.push(...write(10))
      const early = await drain(coordinator, clock)
      expect(numbersOf(early)).toEqual(written.slice(0, 5))
      expect(coordinator.token.shards.map(({ at }) => Object.keys(at))).toEqual([['end']])
      await clock.advance(120_000)
      expect(sorted(numbersOf([...early, ...(await drain(coordinator, clock))]))).toEqual(written)
    },
  )

  it('both children of a shard are read although one is hidden for minutes', async () => {
    const { emulator, clock, open, write } = emulatedTable()
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const [, late] = emulator.split()
    emulator.hide(late as never, { ms: 200_000 })
    const written = write(20)
    const early = await drain(coordinator, clock)
    expect(early.length).toBeGreaterThan(0)
    expect(early.length).toBeLessThan(20)
    await clock.advance(300_000)
    expect(sorted(numbersOf([...early, ...(await drain(coordinator, clock))]))).toEqual(written)
  })

  it('children wait for a hidden parent while listings show only them', async () => {
    const { emulator, clock, open, write } = emulatedTable()
    const [root] = emulator.openShards
    write(3, root?.shardId)
    const middle = emulator.roll()
    write(3)
    emulator.roll()
    write(3)
    emulator.hide(middle, { ms: 100_000 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    expect(numbersOf(await drain(coordinator, clock))).toEqual([0, 1, 2])
    await clock.advance(200_000)
    expect(numbersOf(await drain(coordinator, clock))).toEqual([3, 4, 5, 6, 7, 8])
  })

  it('a child is read after five minutes if its parent is never listed, with a parentWaitTimedOut event', async () => {
    const { emulator, clock, open, write } = emulatedTable()
    const child = emulator.roll()
    write(3)
    emulator.hide(emulator.shards[0] as never)
    const coordinator = open()
    const timeouts = collectEvents(coordinator, 'parentWaitTimedOut')
    await clock.run(coordinator.moveTo('trim_horizon'))
    await clock.advance(299_000)
    expect(await drain(coordinator, clock)).toEqual([])
    await clock.advance(3_000)
    expect(numbersOf(await drain(coordinator, clock))).toEqual([0, 1, 2])
    expect(timeouts).toEqual([{ shardId: child.shardId, parentId: emulator.shards[0]?.shardId }])
  })

  it('records of children are delivered after the last one of their parent, even across a heartbeat and a reload', async () => {
    const { emulator, clock, open, write } = emulatedTable()
    write(5)
    emulator.split()
    write(5)
    let coordinator = open({ pageSize: 2 })
    await clock.run(coordinator.moveTo('trim_horizon'))
    const order: string[] = []
    for (let step = 0; step < 10; step++) {
      const record = await clock.run(coordinator.next())
      order.push(record?.shardId ?? '')
      await clock.run(coordinator.heartbeat())
      const token = JSON.stringify(coordinator.token)
      await coordinator.close()
      coordinator = open({ pageSize: 2 })
      await clock.run(coordinator.moveTo(token))
    }
    const root = emulator.shards[0]?.shardId
    expect(order.slice(0, 5)).toEqual(Array(5).fill(root))
    expect(order.slice(5)).not.toContain(root)
  })

  it('the children of many shards that close at the same time are found with one listing', async () => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 60 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    await drain(coordinator, clock)
    for (const shard of [...emulator.openShards]) emulator.split(shard)
    const written = write(200)
    const before = emulator.log.length
    expect(numbersOf(await drain(coordinator, clock)).length).toBe(written.length)
    const described = emulator.log.slice(before).filter(({ op }) => op === 'DescribeStream')
    expect(described.length).toBeLessThanOrEqual(4)
  })
})

describe('shards without a next iterator', () => {
  it.each(['absent', 'null', 'empty-string'] as const)(
    'an open shard whose next iterator is %s is still read',
    async (openShardNextIterator) => {
      const { clock, open, write } = emulatedTable({
        behavior: { openShardNextIterator: openShardNextIterator },
      })
      const coordinator = open()
      await clock.run(coordinator.moveTo('trim_horizon'))
      const written = write(3)
      const records = await drain(coordinator, clock)
      await clock.advance(5_000)
      written.push(...write(3))
      records.push(...(await drain(coordinator, clock)))
      expect(numbersOf(records)).toEqual(written)
    },
  )

  it.each(['absent', 'null', 'empty-string', 'after-empty-page'] as const)(
    'a closed shard is finished after its last page is delivered (end of shard: %s)',
    async (shardEnd) => {
      const { emulator, clock, open, write } = emulatedTable({ behavior: { shardEnd } })
      const coordinator = open()
      const finished = collectEvents(coordinator, 'shardFinished')
      await clock.run(coordinator.moveTo('trim_horizon'))
      const written = write(3)
      emulator.roll()
      expect(numbersOf(await drain(coordinator, clock))).toEqual(written)
      expect(finished.length).toBe(1)
    },
  )
})

describe('the end of the stream', () => {
  it('a stream has ended when it is disabled and all of its records were delivered', async () => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 2 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const written = write(5)
    emulator.disable()
    expect(coordinator.ended).toBe(false)
    expect(sorted(numbersOf(await drain(coordinator, clock)))).toEqual(written)
    expect(coordinator.ended).toBe(true)
    const again = open()
    await clock.run(again.moveTo(coordinator.token))
    expect(await drain(again, clock)).toEqual([])
    expect(again.ended).toBe(true)
  })

  it('stream.notFound is thrown after all fetched records are delivered when the table is deleted', async () => {
    const { emulator, clock, open, write } = emulatedTable()
    write(5)
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const first = await clock.run(coordinator.next())
    emulator.deleteTable()
    const rest: number[] = []
    const error = await (async () => {
      for (;;) rest.push(...numbersOf([(await clock.run(coordinator.next())) as never]))
    })().catch((thrown: unknown) => thrown)
    expect([...numbersOf([first as never]), ...rest]).toEqual([0, 1, 2, 3, 4])
    expect(error).toMatchObject({ code: 'stream.notFound' })
  })
})

it('shards that are listed late and have no parent are read', async () => {
  const { emulator, clock, open, write } = emulatedTable({ shards: 3 })
  emulator.hide(emulator.shards[1] as never, { ms: 30_000 })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const written = write(30)
  const early = await drain(coordinator, clock)
  expect(early.length).toBeLessThan(30)
  await clock.advance(61_000)
  expect(sorted(numbersOf([...early, ...(await drain(coordinator, clock))]))).toEqual(written)
})

it('moveTo() rejects when a listing repeats its page key', async () => {
  const { clock, open } = emulatedTable({ shards: 3, behavior: { repeatPageKey: true, shardsPerPage: 2 } })
  await expect(clock.run(open().moveTo('trim_horizon'))).rejects.toMatchObject({
    code: 'service.invalidResponse',
  })
})
