import { describe, expect, it } from 'vitest'
import { RecordBuffer } from '../../../src/merge/record-buffer.ts'
import { ShardQueue } from '../../../src/merge/shard-queue.ts'
import { ShardNode } from '../../../src/shards/shard.ts'

const context = { shardId: 's', decode: undefined, unmarshallOptions: undefined }

let ordinal = 0
function queueOf(buffer: RecordBuffer, seconds: (number | undefined)[], bytes = 100) {
  const queue = new ShardQueue(new ShardNode(`shard-${ordinal}`, ordinal++), 0)
  push(buffer, queue, seconds, bytes)
  return queue
}

function push(
  buffer: RecordBuffer,
  queue: ShardQueue,
  seconds: (number | undefined)[],
  bytes = 100,
  first = 0,
) {
  const records = seconds.map((ApproximateCreationDateTime, index) => ({
    eventID: `${queue.node.shardId}/${index}`,
    dynamodb: { ApproximateCreationDateTime, SequenceNumber: String(index) },
  }))
  buffer.push(queue, { records, first, bytes, context })
}

const takeAll = (buffer: RecordBuffer) => {
  const seconds: number[] = []
  while (buffer.next) seconds.push(buffer.takeOldest().createdAt.getTime() / 1_000)
  return seconds
}

describe('RecordBuffer', () => {
  it('the records of several shards are merged by time', () => {
    const buffer = new RecordBuffer()
    for (const seconds of [
      [1, 4, 7],
      [2, 5, 8],
      [3, 6, 9],
    ])
      buffer.release(queueOf(buffer, seconds))
    expect(takeAll(buffer)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('records of a shard keep their order when their times step back, and the merge does not step back', () => {
    const buffer = new RecordBuffer()
    buffer.release(queueOf(buffer, [5, 3, 6]))
    buffer.release(queueOf(buffer, [4, 5.5]))
    expect(takeAll(buffer)).toEqual([4, 5, 3, 5.5, 6])
  })

  it('a record without a time is merged by the time of the record before it', () => {
    const buffer = new RecordBuffer()
    buffer.release(queueOf(buffer, [5, undefined, 6]))
    expect(takeAll(buffer)).toEqual([5, 5, 6])
  })

  it('records of a shard that is not released are held back, but counted', () => {
    const buffer = new RecordBuffer()
    const held = queueOf(buffer, [1, 2])
    buffer.release(queueOf(buffer, [3]))
    expect(buffer.length).toBe(3)
    expect(takeAll(buffer)).toEqual([3])
    buffer.release(held)
    expect(takeAll(buffer)).toEqual([1, 2])
    expect(buffer.length).toBe(0)
  })

  it('a page is delivered from its first admitted record', () => {
    const buffer = new RecordBuffer()
    const queue = queueOf(buffer, [])
    buffer.release(queue)
    push(buffer, queue, [1, 2, 3], 100, 2)
    push(buffer, queue, [4, 5], 100, 1)
    push(buffer, queue, [6], 100, 1)
    expect(buffer.length).toBe(2)
    expect(takeAll(buffer)).toEqual([3, 5])
    expect(buffer.bytes).toBe(0)
  })

  it('the bytes of a response are counted until its last record is delivered', () => {
    const buffer = new RecordBuffer()
    const queue = queueOf(buffer, [1, 2], 70)
    buffer.release(queue)
    push(buffer, queue, [3], 30)
    expect(buffer.bytes).toBe(100)
    buffer.takeOldest()
    expect(buffer.bytes).toBe(100)
    buffer.takeOldest()
    expect(buffer.bytes).toBe(30)
    buffer.takeOldest()
    expect(buffer.bytes).toBe(0)
  })
})

it('memory that a page has released does not count as buffered bytes', () => {
  const buffer = new RecordBuffer()
  const queue = queueOf(buffer, [])
  buffer.release(queue)
  const records = Array.from({ length: 4 }, (_, n) => ({ eventID: String(n) }))
  const releasing = {
    length: 4,
    at: (index: number) => records[index],
    release: (before: number) => (before === 2 ? 30 : 0),
  }
  buffer.push(queue, { records: releasing, first: 0, bytes: 100, context })
  const left = []
  while (buffer.next) {
    expect(buffer.takeOldest().eventId).toBe(String(left.length))
    left.push(buffer.bytes)
  }
  expect(left).toEqual([100, 70, 70, 0])
})
