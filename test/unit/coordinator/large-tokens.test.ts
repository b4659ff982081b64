import { describe, expect, it } from 'vitest'
import type { ShardToken } from '../../../src/index.ts'
import { emulatedTable } from '../../support/emulated-table.ts'

const SHARDS = 200_000

const idOf = (n: number) => `shardId-${String(1_767_225_000_000 + n).padStart(20, '0')}-0000000a`

/** Moves to a token of these shards. Returns the number of shards in the token afterwards. */
async function moveTo(shards: readonly ShardToken[]): Promise<number> {
  const { clock, emulator, open } = emulatedTable()
  const coordinator = open()
  await clock.run(coordinator.moveTo({ version: 1, streamArn: emulator.streamArn, shards }))
  const { length } = coordinator.token.shards
  coordinator.lag()
  await coordinator.close()
  return length
}

describe('tokens of 200,000 shards', { timeout: 120_000 }, () => {
  it('a token of 200,000 children of one shard, which the token names after them, can be loaded', async () => {
    const children = Array.from(
      { length: SHARDS - 1 },
      (_, n): ShardToken => ({ shardId: idOf(n + 1), parentId: idOf(0), at: 'start' }),
    )
    // The parent is superseded by its children, and the stream has one shard that the token does not name.
    expect(await moveTo([...children, { shardId: idOf(0), at: { end: '42' } }])).toBe(SHARDS)
  })

  it('a token of 200,000 finished shards, each of which is the parent of the next one, can be loaded', async () => {
    const chain = Array.from({ length: SHARDS }, (_, n): ShardToken => {
      const parent = n > 0 ? { parentId: idOf(n - 1) } : {}
      return { shardId: idOf(n), ...parent, at: { end: '42' } }
    })
    expect(await moveTo(chain)).toBe(2)
  })
})
