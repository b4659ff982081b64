import { describe, expect, test } from 'vitest'
import { Progress } from '../../../../src/cli/demo/progress.ts'
import type { StreamToken } from '../../../../src/position/token.ts'

function tokenAfter(sequenceNumber: string): StreamToken {
  const streamArn = 'arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'
  return { version: 1, streamArn, shards: [{ shardId: 's', at: { after: sequenceNumber } }] }
}

describe('the progress of the demo', () => {
  test('progress counts distinct records, and how many of them the last checkpoint covers', () => {
    const progress = new Progress()
    progress.onMessage(1, { opened: 's', parentId: null })
    progress.onMessage(1, { record: ['s', '1', 'order', 1] })
    progress.onMessage(1, { record: ['s', '2', 'order', 2] })
    progress.onMessage(1, { checkpoint: tokenAfter('1') })
    progress.onWorkerExit()
    progress.onMessage(2, { record: ['s', '2', 'order', 2] })
    expect(progress).toMatchObject({ delivered: 2, saved: 1 })
    expect(progress.deliveries).toHaveLength(3)
    expect(progress.shards).toEqual([{ shardId: 's', parentId: undefined, state: 'idle', records: 3 }])
  })
  test('the backlog contains the records that were written and are not processed yet', () => {
    const progress = new Progress()
    const change = (version: number) => ({ orderId: 'order', version, item: undefined })
    // Processed before the write has returned.
    progress.onMessage(1, { record: ['s', '1', 'order', 1] })
    progress.onWritten([change(1), change(2)], 10)
    progress.onWritten([change(3)], 20)
    expect(progress.backlog).toEqual({ records: 2, since: 10 })
    progress.onMessage(1, { record: ['s', '2', 'order', 2] })
    expect(progress.backlog).toEqual({ records: 1, since: 20 })
    progress.onMessage(1, { record: ['s', '3', 'order', 3] })
    expect(progress.backlog).toEqual({ records: 0, since: undefined })
  })
})
