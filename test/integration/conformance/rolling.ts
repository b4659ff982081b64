import { describe, expect, test } from 'vitest'
import {
  addTo,
  describeStream,
  errorOf,
  invalid,
  iterator,
  keysOf,
  notFound,
  outcome,
  put,
  read,
  shardsOf,
  trimmed,
} from './calls.ts'
import { hour, type TimedSubject } from './timed-subjects.ts'

/** Tests a shard that was replaced by a child, and a closed shard that expires. */
export function rollingBehaviors({ createTable, profile }: TimedSubject): void {
  const isLocal = profile === 'local'

  /** Creates a table with the items a and b in the parent, and c in the child. */
  const createWithChild = async () => {
    const table = await createTable()
    for (const id of ['a', 'b']) await put(table, id)
    await table.roll()
    await put(table, 'c')
    const [parent, child] = await shardsOf(table)
    return { table, parent, child: child ?? {} }
  }
  // Shared by the tests that do not change it, because a roll takes seconds.
  let shared: ReturnType<typeof createWithChild> | undefined
  const withChild = () => {
    shared ??= createWithChild()
    return shared
  }

  describe('replaced shards', () => {
    test('a replaced shard is listed as closed, before its open child', async () => {
      const { table } = await withChild()
      const number = expect.stringMatching(/^\d{21,40}$/)
      const shards = await shardsOf(table)
      expect(shards).toEqual([
        {
          ShardId: shards[0].ShardId,
          SequenceNumberRange: { StartingSequenceNumber: number, EndingSequenceNumber: number },
        },
        {
          ShardId: expect.stringMatching(/^shardId-/),
          ParentShardId: shards[0].ShardId,
          SequenceNumberRange: { StartingSequenceNumber: number },
        },
      ])
    })

    test('a listing with a limit of 1 has a page for the parent and one for the child', async () => {
      const { table, parent, child } = await withChild()
      const first = await describeStream(table, { Limit: 1 })
      expect(first.Shards?.map(({ ShardId }) => ShardId)).toEqual([parent.ShardId])
      expect(first.LastEvaluatedShardId).toBe(parent.ShardId)
      const second = await describeStream(table, { Limit: 1, ExclusiveStartShardId: parent.ShardId })
      expect(second.Shards?.map(({ ShardId }) => ShardId)).toEqual([child.ShardId])
      expect(second.LastEvaluatedShardId).toBeUndefined()
    })

    test('the last page of a replaced shard has no next iterator, and the child starts with the later records', async () => {
      const { table, parent, child } = await withChild()
      const first = await read(table, await iterator(table, 'TRIM_HORIZON', { shard: parent }), 1)
      expect(keysOf(first)).toEqual(['a'])
      const last = await read(table, first.NextShardIterator, 1)
      expect(keysOf(last)).toEqual(['b'])
      expect(last).not.toHaveProperty('NextShardIterator')
      const page = await read(table, await iterator(table, 'TRIM_HORIZON', { shard: child }))
      expect(keysOf(page)).toEqual(['c'])
      expect(page.NextShardIterator).toBeTruthy()
    })

    test('a replaced shard has no records at LATEST or after its ending sequence number', async () => {
      const { table, parent } = await withChild()
      const end = parent.SequenceNumberRange?.EndingSequenceNumber ?? ''
      const starts = [
        await iterator(table, 'LATEST', { shard: parent }),
        await iterator(table, 'AFTER_SEQUENCE_NUMBER', { shard: parent, SequenceNumber: end }),
      ]
      for (const start of starts) {
        const page = await read(table, start)
        expect(page.Records).toEqual([])
        expect(page).not.toHaveProperty('NextShardIterator')
      }
    })

    test('a sequence number beyond the end of a replaced shard is refused by DynamoDB Local only', async () => {
      const { table, parent } = await withChild()
      const pastEnd = addTo(parent.SequenceNumberRange?.EndingSequenceNumber ?? '', 1n)
      for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'] as const) {
        const call = iterator(table, type, { shard: parent, SequenceNumber: pastEnd })
        expect(await errorOf(call)).toBe(isLocal ? invalid : 'none')
      }
    })

    test('CHILD_SHARDS returns the child of a replaced shard; DynamoDB Local ignores the filter', async () => {
      const { table, parent, child } = await withChild()
      const found = async (ShardId: string | undefined) =>
        (await describeStream(table, { ShardFilter: { Type: 'CHILD_SHARDS', ShardId } })).Shards?.map(
          (shard) => shard.ShardId,
        )
      const all = [parent.ShardId, child.ShardId]
      expect(await found(parent.ShardId)).toEqual(isLocal ? all : [child.ShardId])
      expect(await found(child.ShardId)).toEqual(isLocal ? all : [])
    })
  })

  test('a shard without records is replaced too, and returns an empty page', async () => {
    const table = await createTable()
    await table.roll()
    const [parent] = await shardsOf(table)
    const { StartingSequenceNumber: start, EndingSequenceNumber: end = '' } = parent.SequenceNumberRange ?? {}
    expect(BigInt(end) >= BigInt(start ?? '')).toBe(true)
    const page = await read(table, await iterator(table, 'TRIM_HORIZON', { shard: parent }))
    expect(page.Records).toEqual([])
    expect(page).not.toHaveProperty('NextShardIterator')
  })

  test('the records of a closed shard are trimmed first, and then the shard expires', async () => {
    const { table, parent } = await createWithChild()
    const { EndingSequenceNumber: SequenceNumber } = parent.SequenceNumberRange ?? {}
    const isListed = async () => (await shardsOf(table)).some(({ ShardId }) => ShardId === parent.ShardId)
    const outcomes = () =>
      Promise.all([
        outcome(table, 'TRIM_HORIZON', { shard: parent }),
        outcome(table, 'LATEST', { shard: parent }),
        outcome(table, 'AFTER_SEQUENCE_NUMBER', { shard: parent, SequenceNumber }),
      ])
    // 21 hours after the shard was closed, and 25 hours after its records were written.
    await table.advance(21 * hour)
    expect(await isListed()).toBe(true)
    expect(await outcomes()).toEqual(Array(3).fill(isLocal ? `no records: ${trimmed}` : []))
    await table.advance(4 * hour)
    // DynamoDB Local keeps listing the shard.
    expect(await isListed()).toBe(isLocal)
    expect(await outcomes()).toEqual(Array(3).fill(`${isLocal ? 'no records' : 'no iterator'}: ${notFound}`))
  })
}
