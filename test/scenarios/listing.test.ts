import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

/** Listing twelve shards, one per page, takes more than two seconds at five calls per second. */
const letters = 'a b c d e f g h i j k l'
const behavior = { shardsPerPage: 1, emptyPagesAtStart: 5 }

it('records written before, during and after a listing of twelve pages are each delivered once', async () => {
  const { emulator, open, move, drain, write } = shardPicture(letters, { behavior })
  const written = write('a c a l b')
  const reader = open()
  await move(reader, 'trim_horizon')
  written.push(...write('a d l'))
  expect((await drain(reader)).sort()).toEqual(written.sort())
  const iteratorCalls = emulator.log.filter(({ op }) => op === 'GetShardIterator')
  expect(iteratorCalls.length).toBeLessThanOrEqual(13)
})

it('calls that fail after a moveTo() that listed twelve pages are retried', async () => {
  const { emulator, open, move, drain, write } = shardPicture(letters, { behavior })
  const written = write('a b c')
  emulator.on('GetRecords', { times: 20 }, { fail: 'InternalServerError' })
  emulator.on('GetShardIterator', { times: 3 }, { fail: 'InternalServerError' })
  const reader = open()
  await move(reader, 'trim_horizon')
  expect((await drain(reader)).sort()).toEqual(written)
})

it('close() ends a moveTo() that is in the middle of its listing', async () => {
  const { emulator, clock, open, move } = shardPicture(letters, { behavior })
  const reader = open()
  const moved = move(reader, 'trim_horizon').catch((error: unknown) => error)
  await reader.close()
  expect(await moved).toMatchObject({ code: 'closed' })
  const calls = emulator.log.length
  await clock.advance(60_000)
  expect(emulator.log.length).toBeLessThanOrEqual(calls + 1)
})
