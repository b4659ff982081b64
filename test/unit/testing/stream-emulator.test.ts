import { expect, test } from 'vitest'
import { ManualClock, StreamEmulator } from '../../../src/testing/index.ts'

const signal = new AbortController().signal

async function drain(emulator: StreamEmulator, shardId: string): Promise<string[]> {
  const { api, streamArn } = emulator
  let iterator: string | undefined = await api.openIterator(
    { streamArn, shardId, start: { type: 'TRIM_HORIZON' } },
    signal,
  )
  const read: string[] = []
  while (iterator) {
    const page = await api.readRecords({ iterator, limit: 1000 }, signal)
    read.push(...page.records.map((record) => record.dynamodb?.SequenceNumber ?? ''))
    if (page.records.length === 0 && emulator.shard(shardId).open) break
    iterator = page.nextIterator
  }
  return read
}

test('a key moves from the parent to one of its children', async () => {
  const emulator = new StreamEmulator({ clock: new ManualClock() })
  const before = emulator.put({ id: 'a', n: 1 })
  const parent = emulator.shards[0]
  const children = emulator.split()
  const after = emulator.put({ id: 'a', n: 2 })
  expect(before?.shardId).toBe(parent?.shardId)
  expect(children.map(({ shardId }) => shardId)).toContain(after?.shardId)
  expect(await drain(emulator, before?.shardId ?? '')).toEqual([before?.sequenceNumber])
  expect(await drain(emulator, after?.shardId ?? '')).toEqual([after?.sequenceNumber])
})

test('a write that changes nothing gives no record', () => {
  const emulator = new StreamEmulator({ clock: new ManualClock() })
  expect(emulator.put({ id: 'a', set: new Set(['x', 'y']) })).toBeDefined()
  expect(emulator.put({ id: 'a', set: new Set(['y', 'x']) })).toBeUndefined()
  expect(emulator.update({ id: 'a' }, { gone: undefined })).toBeUndefined()
  expect(emulator.remove({ id: 'b' })).toBeUndefined()
  expect(emulator.records).toHaveLength(1)
})
