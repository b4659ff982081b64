import { describe, expect, test } from 'vitest'
import { describeStream, iterator, keysOf, notFound, put, read, readAll, refusal, shardsOf } from './calls.ts'
import { latestStream, type Subject } from './subjects.ts'

/** What becomes of a stream that is switched off, and of one whose table is deleted. */
export function lifeCycleBehaviours({ makeTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  describe('a stream that was switched off', () => {
    test('has a closed shard, which is read to its end without a next iterator', async () => {
      const table = await makeTable()
      for (const id of ['a', 'b']) await put(table, id)
      await table.disable()
      await put(table, 'c')
      expect((await describeStream(table)).StreamStatus).toBe('DISABLED')
      const [{ SequenceNumberRange: range }] = await shardsOf(table)
      expect(range?.EndingSequenceNumber).toMatch(/^\d{21,40}$/)
      const first = await read(table, await iterator(table, 'TRIM_HORIZON'), 1)
      expect(keysOf(first)).toEqual(['a'])
      const last = await read(table, first.NextShardIterator, 1)
      expect(keysOf(last)).toEqual(['b'])
      expect(last).not.toHaveProperty('NextShardIterator')
      // DynamoDB Local says that the shard ends with its last record; otherwise it may end after it.
      const isLast = range?.EndingSequenceNumber === last.Records[0]?.dynamodb?.SequenceNumber
      expect(isLast).toBe(isLocal)
    })

    test('has nothing after LATEST', async () => {
      const table = await makeTable()
      await put(table, 'a')
      await table.disable()
      const page = await read(table, await iterator(table, 'LATEST'))
      expect(page.Records).toEqual([])
      expect(page).not.toHaveProperty('NextShardIterator')
    })

    test('is followed by another one, with shards of its own, when streaming is switched on again', async () => {
      const table = await makeTable()
      await put(table, 'a')
      await table.disable()
      expect(await latestStream(table)).toBe(table.streamArn)
      await put(table, 'b')
      await table.enable()
      const streamArn = await latestStream(table)
      expect(streamArn).not.toBe(table.streamArn)
      await put(table, 'c')
      const next = { ...table, streamArn }
      expect((await readAll(next)).map(({ dynamodb }) => dynamodb?.Keys?.id?.S)).toEqual(['c'])
      expect((await shardsOf(next))[0]).not.toHaveProperty('ParentShardId')
      expect((await readAll(table)).map(({ dynamodb }) => dynamodb?.Keys?.id?.S)).toEqual(['a'])
    })
  })

  test('a stream is gone with its table, but not with DynamoDB Local', async () => {
    const table = await makeTable()
    await put(table, 'a')
    const start = await iterator(table, 'TRIM_HORIZON')
    const [shard] = await shardsOf(table)
    await table.drop()
    if (isLocal) {
      expect((await describeStream(table)).StreamStatus).toBe('DISABLED')
      expect(keysOf(await read(table, start))).toEqual(['a'])
    } else {
      expect(await refusal(describeStream(table))).toBe(notFound)
      expect(await refusal(iterator(table, 'LATEST', { shard }))).toBe(notFound)
      expect(await refusal(read(table, start))).toBe(notFound)
    }
  })
}
