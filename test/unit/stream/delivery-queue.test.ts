import { expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { ShardLedger } from '../../../src/shards/shard-ledger.ts'
import { DeliveryQueue } from '../../../src/stream/delivery-queue.ts'

/** A queue to which records of one shard were added, by their sequence numbers. */
function queueOf(...added: string[]) {
  const ledger = new ShardLedger()
  const queue = new DeliveryQueue()
  const add = (sequenceNumber: string) =>
    queue.add(ledger.deliver({ sequenceNumber } as StreamRecord, sequenceNumber))
  for (const sequenceNumber of added) add(sequenceNumber)
  return { ledger, queue, add, inHand: () => queue.records.map(({ sequenceNumber }) => sequenceNumber) }
}

it('records that are acknowledged are settled, and only those in hand', () => {
  const { ledger, queue, inHand } = queueOf('1', '2')
  expect(inHand()).toEqual(['1', '2'])
  expect(queue.acknowledge()).toBe(2)
  expect([ledger.acknowledged, queue.inHand, queue.hasReturned]).toEqual(['2', 0, false])
  expect(queue.acknowledge()).toBe(0)
})

it('records that a consumer leaves are delivered again, in their order, before any other', () => {
  const { ledger, queue, inHand } = queueOf('1', '2', '3')
  queue.giveBack()
  expect([queue.inHand, queue.hasReturned]).toEqual([0, true])
  expect(queue.takeReturned()?.sequenceNumber).toBe('1')
  expect(queue.takeReturned()?.sequenceNumber).toBe('2')
  expect(inHand()).toEqual(['1', '2'])
  expect(queue.acknowledge()).toBe(2)
  expect([ledger.acknowledged, queue.hasReturned]).toEqual(['2', true])
  queue.giveBack()
  expect(queue.takeReturned()?.sequenceNumber).toBe('3')
  expect(queue.takeReturned()).toBeUndefined()
})

it('a record that is taken again and left again keeps its place', () => {
  const { queue, add, inHand } = queueOf('1', '2')
  queue.giveBack()
  queue.takeReturned()
  queue.giveBack()
  queue.takeReturned()
  queue.takeReturned()
  add('3')
  expect(inHand()).toEqual(['1', '2', '3'])
})

it('a queue that is cleared acknowledges nothing and delivers nothing again', () => {
  const { ledger, queue } = queueOf('1', '2')
  queue.clear()
  expect(queue.acknowledge()).toBe(0)
  queue.giveBack()
  expect(queue.takeReturned()).toBeUndefined()
  expect(ledger.acknowledged).toBeUndefined()
})
