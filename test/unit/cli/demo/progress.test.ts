import { describe, expect, test } from 'vitest'
import { Progress } from '../../../../src/cli/demo/progress.ts'

describe('the progress of the demo', () => {
  test('progress counts distinct records, and how many of them were saved', () => {
    const progress = new Progress()
    progress.onMessage(1, { opened: 's', parentId: null })
    progress.onMessage(1, { record: ['s', '1', 'order', 1] })
    progress.onMessage(1, { checkpoint: true })
    progress.onMessage(1, { record: ['s', '2', 'order', 2] })
    progress.onWorkerExit()
    progress.onMessage(2, { record: ['s', '2', 'order', 2] })
    expect(progress).toMatchObject({ delivered: 2, saved: 1 })
    expect(progress.deliveries).toHaveLength(3)
    expect(progress.shards).toEqual([{ shardId: 's', parentId: undefined, state: 'idle', records: 3 }])
  })
})
