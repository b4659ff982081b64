import { expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

it('next() returns undefined while the only buffered records belong to a shard that waits for its hidden parent', async () => {
  const { clock, emulator, id, open, move, drainForLong, grow } = shardPicture('a')
  emulator.showOpen(id('a'), { ms: 100_000 })
  grow('a > b, b > c')
  emulator.hide(id('b'), { ms: 100_000 })
  const reader = open({ maxBufferedBytes: 2 * 1024 * 1024 })
  await move(reader, 'latest')
  const key = emulator.keyForShard(id('c'))
  for (let n = 0; n < 50; n++) emulator.put({ id: key, n, text: 'x'.repeat(8_000) })
  await clock.advance(2_000)
  const start = clock.now()
  for (let call = 0; call < 2; call++) expect(await clock.run(reader.next())).toBeUndefined()
  expect(clock.now() - start).toBeLessThan(5_000)
  expect(await drainForLong(reader)).toHaveLength(50)
})
