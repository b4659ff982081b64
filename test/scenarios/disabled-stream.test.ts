import { describe, expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain as drainRecords, numbersOf } from '../support/read.ts'
import { shardPicture } from '../support/shard-picture.ts'

describe('a disabled stream', () => {
  it.each([
    ['for two calls', { calls: 2 }],
    ['for a second', { ms: 1_000 }],
  ])('a disabled stream delivers the records of children that DescribeStream hides %s', async (_, hidden) => {
    const { emulator, clock, open, write } = emulatedTable()
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const written = write(3)
    emulator.roll(undefined, { hidden })
    written.push(...write(3))
    emulator.disable()
    const records = []
    while (!coordinator.ended) records.push(...(await drainRecords(coordinator, clock)))
    expect(numbersOf(records)).toEqual(written)
  })

  it('a disabled stream delivers the records of its only shard although the first listings omit it', async () => {
    const { emulator, id, open, move, drain, write } = shardPicture('a')
    const written = write('a a')
    emulator.hide(id('a'), { ms: 5_000 })
    emulator.disable()
    const reader = open()
    await move(reader, 'trim_horizon')
    const delivered = []
    while (!reader.ended) delivered.push(...(await drain(reader)))
    expect(delivered).toEqual(written)
  })

  it.each([
    ['the second of two children is hidden', 'a > b c', 'c'],
    ['a grandchild is hidden', 'a > b > c', 'c'],
    ['a child and a grandchild are hidden', 'a > b > c', 'b c'],
  ])(
    'a disabled stream delivers its last records to a reader that starts while %s',
    async (_, picture, hidden) => {
      const { emulator, id, open, move, drain, write } = shardPicture(picture)
      const written = write('c')
      for (const letter of hidden.split(' ')) emulator.hide(id(letter), { ms: 1_000 })
      emulator.disable()
      const reader = open()
      await move(reader, 'trim_horizon')
      const delivered = []
      while (!reader.ended) delivered.push(...(await drain(reader)))
      expect(delivered).toEqual(written)
    },
  )

  it('a disabled stream delivers the records of children that are listed only after the end was saved in a token', async () => {
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

it('all fetched records are delivered after the table is deleted, including those of children that were fetched ahead', async () => {
  const { emulator, clock, open, move, write } = shardPicture('a b > c d')
  const written = write('a a c c d d')
  const reader = open()
  await move(reader, 'trim_horizon')
  const delivered = [await clock.run(reader.next())]
  // All further records are in the buffer by now.
  await clock.run(reader.heartbeat())
  const buffered = reader.buffer.length
  emulator.deleteTable()
  const reading = (async () => {
    for (;;) delivered.push(await clock.run(reader.next()))
  })()
  await expect(reading).rejects.toMatchObject({ code: 'stream.notFound' })
  expect(delivered.length).toBe(1 + buffered)
  expect(buffered).toBe(written.length - 1)
  await expect(clock.run(reader.next())).rejects.toMatchObject({ code: 'stream.notFound' })
})
