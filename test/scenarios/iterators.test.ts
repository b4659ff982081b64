import { describe, expect, it } from 'vitest'
import { drawn } from './drawn.ts'

describe('an iterator that has expired', () => {
  it('is made anew also when another call failed just before', async () => {
    const { emulator, open, move, drain, write } = drawn('a')
    const reader = open()
    await move(reader, 'latest')
    await drain(reader)
    emulator.on('GetRecords', {}, { fail: 'ThrottlingException' })
    emulator.expireIterators()
    await drain(reader)
    const written = write('a a')
    expect(await drain(reader)).toEqual(written)
  })
})
