import { describe, expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { numbersOf, drain as takeAll } from '../support/read.ts'
import { shardPicture } from '../support/shard-picture.ts'

describe('a stream that is switched off', () => {
  it.each([
    ['for two calls', { calls: 2 }],
    ['for a second', { ms: 1_000 }],
  ])('gives out what is in children that DescribeStream does not show yet: %s', async (_, hidden) => {
    const { emulator, clock, open, write } = emulatedTable()
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const written = write(3)
    emulator.roll(undefined, { hidden })
    written.push(...write(3))
    emulator.disable()
    const records = []
    while (!coordinator.ended) records.push(...(await takeAll(coordinator, clock)))
    expect(numbersOf(records)).toEqual(written)
  })

  it('delivers the records of its only shard, which the first listings do not show', async () => {
    const { emulator, id, open, move, drain, write } = shardPicture('a')
    const written = write('a a')
    emulator.hide(id('a'), { ms: 5_000 })
    emulator.disable()
    const reader = open()
    await move(reader, 'trim_horizon')
    const given = []
    while (!reader.ended) given.push(...(await drain(reader)))
    expect(given).toEqual(written)
  })

  it.each([
    ['the second of two children', 'a > b c', 'c'],
    ['a grandchild', 'a > b > c', 'c'],
    ['a child and a grandchild', 'a > b > c', 'b c'],
  ])('gives out what is in %s, also to a reader that comes right after', async (_, picture, hidden) => {
    const { emulator, id, open, move, drain, write } = shardPicture(picture)
    const written = write('c')
    for (const letter of hidden.split(' ')) emulator.hide(id(letter), { ms: 1_000 })
    emulator.disable()
    const reader = open()
    await move(reader, 'trim_horizon')
    const given = []
    while (!reader.ended) given.push(...(await drain(reader)))
    expect(given).toEqual(written)
  })

  it('gives out what is in children that show up only after the end was saved in a token', async () => {
    const { emulator, id, open, move, drain, drainForLong, write } = shardPicture('a > b')
    const first = open()
    const written = write('b')
    emulator.hide(id('b'))
    emulator.disable()
    await move(first, 'trim_horizon')
    await drain(first)
    const token = JSON.stringify(first.token)
    emulator.show(id('b'))
    const second = open()
    await move(second, token)
    expect(await drainForLong(second)).toEqual(written)
  })
})

it('a table that is deleted while shards are read gives out all that was fetched, also of children fetched ahead', async () => {
  const { emulator, clock, open, move, write } = shardPicture('a b > c d')
  const written = write('a a c c d d')
  const reader = open()
  await move(reader, 'trim_horizon')
  const given = [await clock.run(reader.next())]
  // Everything is in the buffer by now.
  await clock.run(reader.heartbeat())
  const buffered = reader.buffer.length
  emulator.deleteTable()
  const reading = (async () => {
    for (;;) given.push(await clock.run(reader.next()))
  })()
  await expect(reading).rejects.toMatchObject({ code: 'stream.notFound' })
  expect(given.length).toBe(1 + buffered)
  expect(buffered).toBe(written.length - 1)
  await expect(clock.run(reader.next())).rejects.toMatchObject({ code: 'stream.notFound' })
})
