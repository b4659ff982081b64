import { describe, expect, test } from 'vitest'
import { invalid, iterator, keysOf, put, read, refusal } from './calls.ts'
import type { Subject } from './subjects.ts'

/** How GetRecords cuts a shard into pages, and what it refuses. */
export function pageBehaviours({ makeTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  describe('GetRecords', () => {
    test('gives an empty page and a next iterator where an open shard has nothing (more)', async () => {
      const table = await makeTable()
      const empty = await read(table, await iterator(table, 'TRIM_HORIZON'))
      expect(empty.Records).toEqual([])
      expect(empty.NextShardIterator).toBeTruthy()
      await put(table, 'a')
      const page = await read(table, empty.NextShardIterator)
      expect(keysOf(page)).toEqual(['a'])
      expect(keysOf(await read(table, page.NextShardIterator))).toEqual([])
    })

    test('gives the same page for the same iterator', async () => {
      const table = await makeTable()
      await put(table, 'a')
      const start = await iterator(table, 'TRIM_HORIZON')
      expect((await read(table, start)).Records).toEqual((await read(table, start)).Records)
    })

    test('gives at most as many records as it is asked for, in their order', async () => {
      const table = await makeTable()
      for (const id of ['a', 'b', 'c']) await put(table, id)
      const first = await read(table, await iterator(table, 'TRIM_HORIZON'), 2)
      expect(keysOf(first)).toEqual(['a', 'b'])
      expect(keysOf(await read(table, first.NextShardIterator, 2))).toEqual(['c'])
    })

    test('gives at most 1000 records', async () => {
      const table = await makeTable()
      const ids = Array.from({ length: 1_003 }, (_, n) => `item-${n}`)
      await table.putMany(ids)
      const first = await read(table, await iterator(table, 'TRIM_HORIZON'))
      expect(first.Records).toHaveLength(1_000)
      expect((await read(table, first.NextShardIterator)).Records).toHaveLength(3)
    })

    test('ends a page before 1 MB, but not with DynamoDB Local', async () => {
      const table = await makeTable()
      for (const id of ['a', 'b', 'c']) await put(table, id, { text: { S: 'x'.repeat(390_000) } })
      const first = await read(table, await iterator(table, 'TRIM_HORIZON'))
      expect(keysOf(first)).toEqual(isLocal ? ['a', 'b', 'c'] : ['a', 'b'])
      expect(keysOf(await read(table, first.NextShardIterator))).toEqual(isLocal ? [] : ['c'])
    })

    test.for<[text: string | undefined]>([['junk'], [''], [undefined], ['x'.repeat(2_049)]])(
      'refuses the iterator %s',
      async ([text]) => {
        expect(await refusal(read(await makeTable(), text))).toBe(invalid)
      },
    )

    test('refuses an iterator that was tampered with', async () => {
      const table = await makeTable()
      const genuine = await iterator(table, 'TRIM_HORIZON')
      expect(await refusal(read(table, `${genuine.slice(0, -6)}AAAAAA`))).toBe(invalid)
    })

    test.for([0, 1_001, 10_000])('refuses the limit %i', async (limit) => {
      const table = await makeTable()
      expect(await refusal(read(table, await iterator(table, 'TRIM_HORIZON'), limit))).toBe(invalid)
    })
  })
}
