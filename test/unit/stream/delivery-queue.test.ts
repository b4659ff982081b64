import { expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { ShardLedger } from '../../../src/shards/shard-ledger.ts'
import { DeliveryQueue } from '../../../src/stream/delivery-queue.ts'

/** A queue to which records of one shard were added, by their sequence numbers. */
function queueOf(...added: string[]) {
  const ledger = new ShardLedger()
  const queue = new DeliveryQueue()
  for (const sequenceNumber of added) {
    queue.add(ledger.deliver({ sequenceNumber } as StreamRecord, sequenceNumber))
  }
  const next = () => queue.next()?.sequenceNumber
  const nextBatch = (most: number) => queue.nextBatch(most).map(({ sequenceNumber }) => sequenceNumber)
  return { ledger, queue, next, nextBatch }
}

it('only records in the hands of the consumer are acknowledged', () => {
  const { ledger, queue, next } = queueOf('1', '2', '3')
  expect(queue.acknowledge()).toBe(0)
  expect([next(), next()]).toEqual(['1', '2'])
  expect(queue.acknowledge()).toBe(2)
  expect([ledger.acknowledged, queue.unacknowledged, queue.waiting]).toEqual(['2', 0, 1])
  expect(queue.acknowledge()).toBe(0)
})

it('a batch is handed over as a whole, and leaves the rest waiting', () => {
  const { ledger, queue, nextBatch } = queueOf('1', '2', '3')
  expect(nextBatch(2)).toEqual(['1', '2'])
  expect([queue.unacknowledged, queue.waiting]).toEqual([2, 1])
  queue.acknowledge()
  expect(ledger.acknowledged).toBe('2')
  expect(nextBatch(2)).toEqual(['3'])
})

it('records that a consumer leaves are delivered again, in their order, before any other', () => {
  const { ledger, queue, next, nextBatch } = queueOf('1', '2', '3')
  expect(nextBatch(3)).toEqual(['1', '2', '3'])
  queue.redeliver()
  expect([queue.unacknowledged, queue.waiting]).toEqual([0, 3])
  expect([next(), next()]).toEqual(['1', '2'])
  expect(queue.acknowledge()).toBe(2)
  expect(ledger.acknowledged).toBe('2')
  queue.redeliver()
  expect([next(), next()]).toEqual(['3', undefined])
})

it('a queue that is cleared acknowledges nothing and delivers nothing again', () => {
  const { ledger, queue, next } = queueOf('1', '2')
  next()
  queue.clear()
  expect(queue.acknowledge()).toBe(0)
  queue.redeliver()
  expect(next()).toBeUndefined()
  expect(ledger.acknowledged).toBeUndefined()
})
