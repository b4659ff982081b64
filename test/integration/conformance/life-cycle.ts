import { describe, expect, test } from 'vitest'
import { describeStream, errorOf, iterator, keysOf, notFound, put, read, readAll, shardsOf } from './calls.ts'
import { latestStream, type Subject } from './subjects.ts'

/** Tests disabled streams and streams of deleted tables. */
export function lifeCycleBehaviors({ createTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  describe('disabled streams', () => {
    test('the shard of a disabled stream is closed, and its last page has no next iterator', async () => {
      const table = await createTable()
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
      // In DynamoDB Local the ending sequence number is that of the last record; on AWS it can be higher.
      const isLast = range?.EndingSequenceNumber === last.Records[0]?.dynamodb?.SequenceNumber
      expect(isLast).toBe(isLocal)
    })

    test('LATEST of a disabled stream returns an empty page without a next iterator', async () => {
      const table = await createTable()
      await put(table, 'a')
      await table.disable()
      const page = await read(table, await iterator(table, 'LATEST'))
      expect(page.Records).toEqual([])
      expect(page).not.toHaveProperty('NextShardIterator')
    })

    test('enabling streaming again creates a new stream whose shards have no parents', async () => {
      const table = await createTable()
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

  test('a stream is deleted with its table, but stays readable in DynamoDB Local', async () => {
    const table = await createTable()
    await put(table, 'a')
    const start = await iterator(table, 'TRIM_HORIZON')
    const [shard] = await shardsOf(table)
    await table.drop()
    if (isLocal) {
      expect((await describeStream(table)).StreamStatus).toBe('DISABLED')
      expect(keysOf(await read(table, start))).toEqual(['a'])
    } else {
      expect(await errorOf(describeStream(table))).toBe(notFound)
      expect(await errorOf(iterator(table, 'LATEST', { shard }))).toBe(notFound)
      expect(await errorOf(read(table, start))).toBe(notFound)
    }
  })
}
