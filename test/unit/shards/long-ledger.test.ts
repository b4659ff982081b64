import { expect, it } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { ShardLedger } from '../../../src/shards/shard-ledger.ts'

it('a ledger that never becomes empty returns the oldest unsettled record at each of 5,000 steps', () => {
  const ledger = new ShardLedger()
  const records = Array.from({ length: 5_000 }, () => ({}) as StreamRecord)
  const deliveries = records.map((record, index) => ledger.deliver(record, String(index)))
  for (const [index, delivery] of deliveries.entries()) {
    expect(ledger.oldestUnsettled).toBe(records[index])
    delivery.settle()
    expect(ledger.acknowledged).toBe(String(index))
  }
  expect(ledger.hasUnsettled).toBe(false)
})
