import { expect, it } from 'vitest'
import { BlockingReaders } from '../../../src/coordinator/blocking-readers.ts'
import type { ShardReader } from '../../../src/reader/shard-reader.ts'

/** The members of a reader that the set uses. */
function readerAt(reachedTime: number) {
  return { blocks: true, node: { reachedTime } }
}

function setOf(...readers: ReturnType<typeof readerAt>[]) {
  const set = new BlockingReaders()
  const update = (reader: ReturnType<typeof readerAt>) => set.update(reader as unknown as ShardReader)
  for (const reader of readers) update(reader)
  return { set, update }
}

it('an older record than a given time may still arrive if a blocking shard has not reached that time', () => {
  const { set } = setOf(readerAt(20), readerAt(10), readerAt(30))
  expect([10, 11].map((time) => set.mayPrecede(time))).toEqual([false, true])
})

it('only shards that currently block the merge can still return an older record', () => {
  const early = readerAt(10)
  const { set, update } = setOf(early, readerAt(20))
  expect(set.mayPrecede(20)).toBe(true)
  early.blocks = false
  update(early)
  expect([20, 21].map((time) => set.mayPrecede(time))).toEqual([false, true])
  early.blocks = true
  early.node.reachedTime = 15
  update(early)
  expect([15, 16].map((time) => set.mayPrecede(time))).toEqual([false, true])
})

it('no older record can arrive when no shard blocks the merge', () => {
  const reader = readerAt(10)
  const { set } = setOf(reader)
  set.delete(reader as unknown as ShardReader)
  expect([set.size, set.mayPrecede(11)]).toEqual([0, false])
})
