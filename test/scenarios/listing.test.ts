import { expect, it } from 'vitest'
import { drawn } from './drawn.ts'

/** Twelve pages, which take more than two seconds at five calls a second. */
const letters = 'a b c d e f g h i j k l'
const behaviour = { shardsPerPage: 1, emptyPagesAtStart: 5 }

it('while shards are being listed, those that are known already are found to be empty', async () => {
  const { emulator, clock, id, open, move, drain, write } = drawn(letters, { behaviour })
  const written = write('l')
  const reader = open()
  await move(reader, 'trim_horizon')
  const listing = emulator.log.length
  expect((await clock.run(reader.next()))?.shardId).toBe(id('l'))
  const readsOf = (shard: string, log: typeof emulator.log) =>
    log.filter((entry) => entry.op === 'GetRecords' && entry.shard === shard).length
  const crossed = emulator.openShards.filter(
    ({ shardId }) => shardId !== id('l') && readsOf(shardId, emulator.log.slice(0, listing)) === 6,
  )
  expect(crossed.length).toBeGreaterThanOrEqual(9)
  // One answer shows that nothing has come since.
  for (const { shardId } of crossed) expect(readsOf(shardId, emulator.log.slice(listing))).toBeLessThan(2)
  expect(await drain(reader)).toEqual(written.slice(1))
})

it('nothing that lies in them by then is passed over or comes twice', async () => {
  const { emulator, open, move, drain, write } = drawn(letters, { behaviour })
  const written = write('a c a l b')
  const reader = open()
  await move(reader, 'trim_horizon')
  written.push(...write('a d l'))
  expect((await drain(reader)).sort()).toEqual(written.sort())
  const opened = emulator.log.filter(({ op }) => op === 'GetShardIterator')
  expect(opened.length).toBeLessThanOrEqual(13)
})

it('what fails in the meantime is no concern of the move, and is made again', async () => {
  const { emulator, open, move, drain, write } = drawn(letters, { behaviour })
  const written = write('a b c')
  emulator.on('GetRecords', { times: 20 }, { fail: 'InternalServerError' })
  emulator.on('GetShardIterator', { times: 3 }, { fail: 'InternalServerError' })
  const reader = open()
  await move(reader, 'trim_horizon')
  expect((await drain(reader)).sort()).toEqual(written)
})

it('a move that fails ends it', async () => {
  const { emulator, clock, open, move } = drawn(letters, { behaviour })
  const reader = open()
  const moved = move(reader, 'trim_horizon').catch((error: unknown) => error)
  await reader.close()
  expect(await moved).toMatchObject({ code: 'closed' })
  const calls = emulator.log.length
  await clock.advance(60_000)
  expect(emulator.log.length).toBeLessThanOrEqual(calls + 1)
})
