import { expect, it } from 'vitest'
import { collectEvents } from '../support/emulated-table.ts'
import { shardPicture } from '../support/shard-picture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each(['closed', 'closed and empty', 'rolled, its child hidden', 'rolled, its child listed'])(
  'no gap is reported for a shard read to its end (%s) when a listing shows only a day later that it has expired',
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
    if (how === 'rolled, its child hidden') emulator.hide(id('b'), { ms: 60 * HOUR })
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

it.each(['the consumer was away', 'the process was suspended'])(
  'no gap is reported for a shard read to its end when the read that confirms its end is a day late because %s',
  async (how) => {
    const { clock, emulator, id, open, move, drain, write, grow } = shardPicture('a z')
    const reader = open({ onGap: 'continue' })
    const gaps = collectEvents(reader, 'gap')
    await move(reader, 'trim_horizon')
    expect(await drain(reader)).toEqual([])
    write('a a')
    grow('a > b')
    // The last page arrives before the listing showing the shard as closed; the consumer leaves in between.
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
    if (how === 'the process was suspended') clock.suspend(29 * HOUR)
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
