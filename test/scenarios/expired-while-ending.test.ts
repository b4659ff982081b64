import { expect, it } from 'vitest'
import { heard } from '../support/emulated.ts'
import { drawn } from './drawn.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ALWAYS = { times: Number.POSITIVE_INFINITY }

it.each(['closed', 'closed and empty', 'rolled'])(
  'a shard that was read to its end (%s) is no gap when a listing shows only a day later that it is gone',
  async (how) => {
    const { clock, emulator, id, open, move, drain, write, grow } = drawn('a z')
    const reader = open({ onGap: 'continue' })
    const gaps = heard(reader, 'gap')
    await move(reader, 'trim_horizon')
    const written = how === 'closed and empty' ? [] : write('a a')
    await clock.advance(1_000)
    const delivered = await drain(reader)
    if (how === 'rolled') {
      grow('a > b')
      emulator.hide(id('b'), { ms: 60 * HOUR })
    } else {
      emulator.closeShard(id('a'))
    }
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
