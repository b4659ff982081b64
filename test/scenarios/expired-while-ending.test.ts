import { expect, it } from 'vitest'
import { collectEvents } from '../support/emulated-table.ts'
import { shardPicture } from '../support/shard-picture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each(['closed', 'closed and empty', 'rolled', 'rolled, its child listed'])(
  'a shard that was read to its end (%s) is no gap when a listing shows only a day later that it is gone',
  async (how) => {
    const { clock, emulator, id, open, move, drain, write, grow } = shardPicture('a z')
    const reader = open({ onGap: 'continue' })
    const gaps = collectEvents(reader, 'gap')
    await move(reader, 'trim_horizon')
    const written = how === 'closed and empty' ? [] : write('a a')
    await clock.advance(1_000)
    const delivered = await drain(reader)
    if (how.startsWith('rolled')) grow('a > b')
    else emulator.closeShard(id('a'))
    if (how === 'rolled') emulator.hide(id('b'), { ms: 60 * HOUR })
    let isThrottled = true
    emulator.on('DescribeStream', ALWAYS, () => (isThrottled ? { fail: 'ThrottlingException' } : undefined))
    const next = reader.next()
    await clock.advance(3_000)
    expect(emulator.log.some(({ op, end, shard }) => op === 'GetRecords' && end && shard === id('a'))).toBe(
      true,
    )
    clock.suspend(29 * HOUR)
    isThrottled = false
    await clock.run(next)
    for (let minute = 0; minute < 20; minute++) {
      delivered.push(...(await drain(reader)))
      await clock.advance(MINUTE)
    }
    expect(delivered).toEqual(written)
    expect(gaps).toEqual([])
  },
)

it.each(['away', 'asleep'])(
  'a shard that was read to its end is no gap when the read that confirms it comes a day late, as its reader is %s',
  async (how) => {
    const { clock, emulator, id, open, move, drain, write, grow } = shardPicture('a z')
    const reader = open({ onGap: 'continue' })
    const gaps = collectEvents(reader, 'gap')
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual([])
    write('a a')
    grow('a > b')
    // The last page comes before the listing that shows the shard as closed, and the consumer leaves in between.
    let isThrottled = true
    emulator.on('DescribeStream', ALWAYS, () => (isThrottled ? { fail: 'ThrottlingException' } : undefined))
    clock.setTimer(8_000, () => {
      isThrottled = false
    })
    await clock.run(reader.next())
    await clock.run(reader.next())
    await clock.advance(30_000)
    expect(emulator.log.findLast(({ op, shard }) => op === 'GetRecords' && shard === id('a'))?.end).toBe(true)
    expect(emulator.log.findLast(({ op }) => op === 'DescribeStream')?.error).toBeUndefined()
    if (how === 'asleep') clock.suspend(29 * HOUR)
    else await clock.advance(29 * HOUR)
    const rest: string[] = []
    for (let minute = 0; minute < 20; minute++) {
      rest.push(...(await drain(reader)))
      await clock.advance(MINUTE)
    }
    expect(rest).toEqual([])
    expect(gaps).toEqual([])
  },
)
