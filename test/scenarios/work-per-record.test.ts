import { expect, it } from 'vitest'
import { RecordBuffer } from '../../src/merge/record-buffer.ts'
import { ShardQueue } from '../../src/merge/shard-queue.ts'
import { ShardNode } from '../../src/shards/shard.ts'

const PER_SHARD = 20
const START = Date.UTC(2026, 0, 1)

/** How often the head of a shard is looked at for each record that is given out, when this many shards are merged. */
function looksPerRecord(shards: number): number {
  let looks = 0
  const buffer = new RecordBuffer()
  for (let ordinal = 0; ordinal < shards; ordinal++) {
    const shardId = `shardId-${String(START).padStart(20, '0')}-${ordinal.toString(16).padStart(8, '0')}`
    const queue = new ShardQueue(new ShardNode(shardId, ordinal), START)
    let headTime = queue.headTime
    Object.defineProperty(queue, 'headTime', {
      get: () => {
        looks++
        return headTime
      },
      set: (time: number) => {
        headTime = time
      },
    })
    buffer.release(queue)
    // Each shard comes to its turn for one record: the worst there is for the merge.
    const records = Array.from({ length: PER_SHARD }, (_, n) => ({
      dynamodb: {
        SequenceNumber: String(n),
        ApproximateCreationDateTime: new Date(START + (n * shards + ((ordinal * 7) % shards)) * 1_000),
      },
    }))
    buffer.push(queue, {
      records,
      first: 0,
      bytes: 1,
      context: { shardId, decode: undefined, unmarshallOptions: undefined },
    })
  }
  looks = 0
  for (let taken = 0; taken < shards * PER_SHARD; taken++) buffer.takeOldest()
  expect(buffer.length).toBe(0)
  return looks / (shards * PER_SHARD)
}

it('the merge looks at as many shards for a record as the logarithm of their number, and no more', () => {
  const some = looksPerRecord(16)
  expect(looksPerRecord(256)).toBeLessThanOrEqual(2.5 * some)
  expect(looksPerRecord(4_096)).toBeLessThanOrEqual(3.5 * some)
})
