import { expect, it } from 'vitest'
import { RecordBuffer } from '../../src/merge/record-buffer.ts'
import { ShardQueue } from '../../src/merge/shard-queue.ts'
import { ShardNode } from '../../src/shards/shard.ts'

const PER_SHARD = 20
const START = Date.UTC(2026, 0, 1)

/** How often the head of a shard is inspected per delivered record when `shards` shards are merged. */
function inspectionsPerRecord(shards: number): number {
  let inspections = 0
  const buffer = new RecordBuffer()
  for (let ordinal = 0; ordinal < shards; ordinal++) {
    const shardId = `shardId-${String(START).padStart(20, '0')}-${ordinal.toString(16).padStart(8, '0')}`
    const queue = new ShardQueue(new ShardNode(shardId, ordinal), START)
    let headTime = queue.headTime
    Object.defineProperty(queue, 'headTime', {
      get: () => {
        inspections++
        return headTime
      },
      set: (time: number) => {
        headTime = time
      },
    })
    buffer.release(queue)
    // Consecutive records are in different shards, which is the worst case for the merge.
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
  inspections = 0
  for (let taken = 0; taken < shards * PER_SHARD; taken++) buffer.takeOldest()
  expect(buffer.length).toBe(0)
  return inspections / (shards * PER_SHARD)
}

it('the merge inspects a number of shards per record that grows at most with the logarithm of the number of shards', () => {
  const few = inspectionsPerRecord(16)
  expect(inspectionsPerRecord(256)).toBeLessThanOrEqual(2.5 * few)
  expect(inspectionsPerRecord(4_096)).toBeLessThanOrEqual(3.5 * few)
})
