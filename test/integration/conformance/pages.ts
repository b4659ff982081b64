import { describe, expect, test } from 'vitest'
import { errorOf, invalid, iterator, keysOf, put, read } from './calls.ts'
import type { Subject } from './subjects.ts'

/** Tests the pages of GetRecords, and which requests it refuses. */
export function pageBehaviors({ createTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  describe('GetRecords', () => {
    test('GetRecords returns an empty page with a next iterator if an open shard has no more records', async () => {
      const table = await createTable()
      const empty = await read(table, await iterator(table, 'TRIM_HORIZON'))
      expect(empty.Records).toEqual([])
      expect(empty.NextShardIterator).toBeTruthy()
      await put(table, 'a')
      const page = await read(table, empty.NextShardIterator)
      expect(keysOf(page)).toEqual(['a'])
      expect(keysOf(await read(table, page.NextShardIterator))).toEqual([])
    })

    test('GetRecords returns the same page for the same iterator', async () => {
      const table = await createTable()
      await put(table, 'a')
      const start = await iterator(table, 'TRIM_HORIZON')
      expect((await read(table, start)).Records).toEqual((await read(table, start)).Records)
    })

    test('GetRecords returns at most Limit records, in order', async () => {
      const table = await createTable()
      for (const id of ['a', 'b', 'c']) await put(table, id)
      const first = await read(table, await iterator(table, 'TRIM_HORIZON'), 2)
      expect(keysOf(first)).toEqual(['a', 'b'])
      expect(keysOf(await read(table, first.NextShardIterator, 2))).toEqual(['c'])
    })

    test('GetRecords returns at most 1000 records', async () => {
      const table = await createTable()
      const ids = Array.from({ length: 1_003 }, (_, n) => `item-${n}`)
      await table.putMany(ids)
      const first = await read(table, await iterator(table, 'TRIM_HORIZON'))
      expect(first.Records).toHaveLength(1_000)
      expect((await read(table, first.NextShardIterator)).Records).toHaveLength(3)
    })

    test('GetRecords returns at most 1 MB, except in DynamoDB Local', async () => {
      const table = await createTable()
      for (const id of ['a', 'b', 'c']) await put(table, id, { text: { S: 'x'.repeat(390_000) } })
      const first = await read(table, await iterator(table, 'TRIM_HORIZON'))
      expect(keysOf(first)).toEqual(isLocal ? ['a', 'b', 'c'] : ['a', 'b'])
      expect(keysOf(await read(table, first.NextShardIterator))).toEqual(isLocal ? [] : ['c'])
    })

    test.for<[iterator: string | undefined]>([['junk'], [''], [undefined], ['x'.repeat(2_049)]])(
      'GetRecords refuses the invalid iterator %s',
      async ([invalidIterator]) => {
        expect(await errorOf(read(await createTable(), invalidIterator))).toBe(invalid)
      },
    )

    test('GetRecords refuses an iterator that was tampered with', async () => {
      const table = await createTable()
      const genuine = await iterator(table, 'TRIM_HORIZON')
      expect(await errorOf(read(table, `${genuine.slice(0, -6)}AAAAAA`))).toBe(invalid)
    })

    test.for([0, 1_001, 10_000])('GetRecords refuses the limit %i', async (limit) => {
      const table = await createTable()
      expect(await errorOf(read(table, await iterator(table, 'TRIM_HORIZON'), limit))).toBe(invalid)
    })
  })
}
