import { expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { ShardNode } from '../../../src/shards/shard.ts'
import { ShardLedger } from '../../../src/shards/shard-ledger.ts'

const recordOf = (sequenceNumber: string) => ({ sequenceNumber }) as StreamRecord

function ledgerOf(...sequenceNumbers: string[]) {
  const ledger = new ShardLedger()
  return { ledger, deliveries: sequenceNumbers.map((number) => ledger.deliver(recordOf(number), number)) }
}

it('a delivered record is not acknowledged before it is settled', () => {
  const { ledger, deliveries } = ledgerOf('1')
  expect([ledger.delivered, ledger.acknowledged, ledger.hasUnsettled]).toEqual(['1', undefined, true])
  for (const delivery of deliveries) delivery.settle()
  expect([ledger.delivered, ledger.acknowledged, ledger.hasUnsettled]).toEqual(['1', '1', false])
})

it('a record that is settled out of order is covered once all before it are settled', () => {
  const { ledger, deliveries } = ledgerOf('1', '2', '3', '4')
  const positions = [2, 1, 0, 3].map((index) => {
    deliveries[index]?.settle()
    return [ledger.acknowledged, ledger.oldestUnsettled?.sequenceNumber]
  })
  expect(positions).toEqual([
    [undefined, '1'],
    [undefined, '1'],
    ['3', '4'],
    ['4', undefined],
  ])
})

it('a record that is settled twice counts once', () => {
  const { ledger, deliveries } = ledgerOf('1', '2')
  deliveries[0]?.settle()
  deliveries[0]?.settle()
  expect([ledger.acknowledged, ledger.oldestUnsettled?.sequenceNumber]).toEqual(['1', '2'])
  deliveries[1]?.settle()
  deliveries[0]?.settle()
  expect(ledger.acknowledged).toBe('2')
})

it('a ledger that starts after a position covers it before anything is delivered', () => {
  const ledger = new ShardLedger()
  ledger.startAfter('7')
  expect([ledger.delivered, ledger.acknowledged, ledger.hasUnsettled]).toEqual(['7', '7', false])
  const delivery = ledger.deliver(recordOf('9'), '9')
  expect(ledger.acknowledged).toBe('7')
  delivery.settle()
  expect(ledger.acknowledged).toBe('9')
})

it('the position of a finished shard covers its end only once all of its records are settled', () => {
  const node = new ShardNode('shard', 0)
  const first = node.ledger.deliver(recordOf('1'), '1')
  const last = node.ledger.deliver(recordOf('2'), '2')
  node.state = 'finished'
  expect(node.position).toEqual({ end: '2' })
  expect(node.acknowledgedPosition).toBe('start')
  first.settle()
  expect(node.acknowledgedPosition).toEqual({ after: '1' })
  last.settle()
  expect(node.acknowledgedPosition).toEqual({ end: '2' })
})
