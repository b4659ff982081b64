import { describe, expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

describe('an iterator that has expired', () => {
  it('an iterator that has expired is renewed although another call has just failed', async () => {
    const { emulator, open, move, drain, write } = shardPicture('a')
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

it('a heartbeat settles although reading is denied', async () => {
  const { clock, emulator, open, move, drain } = shardPicture('a')
  const reader = open()
  await move(reader, 'trim_horizon')
  await drain(reader)
  await clock.advance(16 * 60_000)
  emulator.on('GetRecords', {}, { fail: 'AccessDeniedException' })
  let isSettled = false
  void reader.heartbeat().finally(() => {
    isSettled = true
  })
  await clock.advance(10_000)
  expect(isSettled).toBe(true)
})
