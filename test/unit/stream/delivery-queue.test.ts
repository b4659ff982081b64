import { expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { ShardLedger } from '../../../src/shards/shard-ledger.ts'
import { DeliveryQueue } from '../../../src/stream/delivery-queue.ts'

/** Creates a queue of records of one shard with these sequence numbers. */
function queueOf(...sequenceNumbers: string[]) {
  const ledger = new ShardLedger()
  const queue = new DeliveryQueue()
  for (const sequenceNumber of sequenceNumbers) {
    queue.add(ledger.deliver({ sequenceNumber } as StreamRecord, sequenceNumber))
  }
  const next = () => queue.next()?.sequenceNumber
  const nextBatch = (maxRecords: number) =>
    queue.nextBatch(maxRecords).map(({ sequenceNumber }) => sequenceNumber)
  return { ledger, queue, next, nextBatch }
}

it('acknowledge() covers only the records that were returned to the consumer', () => {
  const { ledger, queue, next } = queueOf('1', '2', '3')
  expect(queue.acknowledge()).toBe(0)
  expect([next(), next()]).toEqual(['1', '2'])
  expect(queue.acknowledge()).toBe(2)
  expect([ledger.acknowledged, queue.unacknowledged, queue.waiting]).toEqual(['2', 0, 1])
  expect(queue.acknowledge()).toBe(0)
})

it('nextBatch() returns up to maxRecords records, and the others wait', () => {
  const { ledger, queue, nextBatch } = queueOf('1', '2', '3')
  expect(nextBatch(2)).toEqual(['1', '2'])
  expect([queue.unacknowledged, queue.waiting]).toEqual([2, 1])
  queue.acknowledge()
  expect(ledger.acknowledged).toBe('2')
  expect(nextBatch(2)).toEqual(['3'])
})

it('unacknowledged records are redelivered in order, before all others', () => {
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

it('a cleared queue acknowledges and redelivers nothing', () => {
  const { ledger, queue, next } = queueOf('1', '2')
  next()
  queue.clear()
  expect(queue.acknowledge()).toBe(0)
  queue.redeliver()
  expect(next()).toBeUndefined()
  expect(ledger.acknowledged).toBeUndefined()
})

it('removeAll() returns unacknowledged and waiting records in order, and acknowledges none of them', () => {
  const { ledger, queue, next } = queueOf('1', '2', '3')
  next()
  expect(queue.removeAll().map(({ sequenceNumber }) => sequenceNumber)).toEqual(['1', '2', '3'])
  expect([queue.unacknowledged, queue.waiting, queue.acknowledge()]).toEqual([0, 0, 0])
  expect([next(), ledger.acknowledged]).toEqual([undefined, undefined])
  expect(queue.removeAll()).toEqual([])
})
