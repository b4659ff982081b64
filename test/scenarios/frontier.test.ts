import { describe, expect, it } from 'vitest'
import { emulatedTable } from '../support/emulated-table.ts'
import { drain, numbersOf } from '../support/read.ts'
import { shardPicture } from '../support/shard-picture.ts'

const HOUR = 3_600_000

describe('a token', () => {
  it('the token and the remembered shards do not grow with the age of the stream', {
    timeout: 300_000,
  }, async () => {
    const { emulator, clock, open, write } = emulatedTable({ shards: 3 })
    const coordinator = open()
    await clock.run(coordinator.moveTo('trim_horizon'))
    const sizes: number[] = []
    for (let generation = 0; generation < 60; generation++) {
      const written = write(6)
      const records = await drain(coordinator, clock)
      expect(numbersOf(records).sort((a, b) => a - b)).toEqual(written)
      sizes.push(coordinator.token.shards.length)
      await clock.advance(4 * HOUR)
      for (const shard of [...emulator.openShards]) emulator.roll(shard)
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(6)
    expect(JSON.stringify(coordinator.token).length).toBeLessThan(1_500)
    expect(coordinator.roots.length).toBeLessThanOrEqual(6)
  })

  it('a token names a finished shard until one of its children is read, and still names a finished shard that has no children', async () => {
    const { emulator, open, move, drain, frontier, write, grow } = shardPicture('a b')
    const reader = open()
    await move(reader, 'trim_horizon')
    write('a b')
    await drain(reader)
    expect(frontier(reader)).toEqual(['a:after', 'b:after'])
    grow('a > c d')
    write('c d')
    await drain(reader)
    expect(frontier(reader)).toEqual(['b:after', 'c:after', 'd:after'])
    emulator.disable()
    await drain(reader)
    expect(frontier(reader)).toEqual(['b:end', 'c:end', 'd:end'])
  })

  it('a token saved at any moment resumes with exactly the records that were not delivered before', {
    timeout: 300_000,
  }, async () => {
    const { clock, open, move, write, drain } = shardPicture('a > b c, c > d, b > e f')
    const written = write('d e f d e f')
    const reader = open({ pageSize: 1 })
    await move(reader, 'trim_horizon')
    for (let delivered = 0; delivered <= written.length; delivered++) {
      const resumed = open()
      await move(resumed, JSON.stringify(reader.token))
      expect((await drain(resumed)).length).toBe(written.length - delivered)
      await clock.run(reader.next())
    }
  })
})

it('the descendants of an expired shard are read, whether or not the shard in between is listed', async () => {
  const { emulator, clock, id, open, move, drainForLong, write, grow } = shardPicture('a')
  write('a a')
  const first = open()
  await move(first, 'trim_horizon')
  await clock.run(first.next())
  const token = JSON.stringify(first.token)
  grow('a > b')
  write('b')
  await clock.advance(4 * HOUR)
  grow('b > c d')
  await clock.advance(22 * HOUR)
  const written = write('c d')
  grow('c > e')
  written.push(...write('e'))
  await clock.advance(HOUR)
  const second = open({ onGap: 'continue' })
  const gaps: string[] = []
  second.on('gap', ({ shardId }) => gaps.push(shardId))
  await move(second, token)
  expect((await drainForLong(second)).sort()).toEqual(written)
  expect(gaps).toContain(id('a'))
  expect(emulator.shard(id('a')).removed).toBe(true)
})
