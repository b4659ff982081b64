import { describe, expect, it } from 'vitest'
import { heard } from '../support/emulated.ts'
import { drawn } from './drawn.ts'

const HOUR = 3_600_000

describe('a gap', () => {
  it('is not told of what was trimmed before trim_horizon was asked for, through a token that was saved at once', async () => {
    const { clock, open, move, drain, write } = drawn('a')
    write('a')
    await clock.advance(25 * HOUR)
    const written = write('a')
    const reader = open()
    await move(reader, 'trim_horizon')
    const next = open()
    const gaps = heard(next, 'gap')
    await move(next, JSON.stringify(reader.token))
    expect(await drain(next)).toEqual(written)
    expect(gaps).toEqual([])
  })
})
