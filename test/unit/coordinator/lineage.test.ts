import { describe, expect, it } from 'vitest'
import { collectEvents, emulatedTable } from '../../support/emulated-table.ts'
import { drain, numbersOf } from '../../support/read.ts'

const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b)

describe('children', () => {
  it.each(['supported', 'empty', 'ignored', 'refused'] as const)(
    'are waited for while DescribeStream hides them, CHILD_SHARDS %s',
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

  it('are read when one of two is hidden for minutes', async () => {
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

  it('wait for a parent that is hidden, however long the listing shows only them', async () => {
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

  it('are read after five minutes though their parent is never listed, with an event', async () => {
    const { emulator, clock, open, write } = emulatedTable()
    const child = emulator.roll()
    write(3)
    emulator.hide(emulator.shards[0] as never)
    const coordinator = open()
    const told = collectEvents(coordinator, 'parentWaitTimedOut')
    await clock.run(coordinator.moveTo('trim_horizon'))
    await clock.advance(299_000)
    expect(await drain(coordinator, clock)).toEqual([])
    await clock.advance(3_000)
    expect(numbersOf(await drain(coordinator, clock))).toEqual([0, 1, 2])
    expect(told).toEqual([{ shardId: child.shardId, parentId: emulator.shards[0]?.shardId }])
  })

  it('come only after the last record of their parent, also over a heartbeat and a reload', async () => {
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

  it('are found with one listing when many shards close together', async () => {
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

describe('a shard without next iterator', () => {
  it.each(['absent', 'null', 'empty-string'] as const)(
    'that is open is read on: %s',
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
    'that is closed is finished, with its last page given out: %s',
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

describe('the end of a stream', () => {
  it('comes when it is disabled and all of it was given out', async () => {
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

  it('is told after everything that was fetched when the table is deleted', async () => {
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

it('reads shards that turn up late and are nobody’s child', async () => {
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

it('ends with an error when a listing repeats its page key', async () => {
  const { clock, open } = emulatedTable({ shards: 3, behavior: { repeatPageKey: true, shardsPerPage: 2 } })
  await expect(clock.run(open().moveTo('trim_horizon'))).rejects.toMatchObject({
    code: 'service.invalidResponse',
  })
})
