import { describe, expect, test } from 'vitest'
import {
  describeStream,
  invalid,
  iterator,
  keysOf,
  moved,
  notFound,
  outcome,
  put,
  read,
  refusal,
  shardsOf,
  trimmed,
} from './calls.ts'
import { hour, type TimedSubject } from './timed-subjects.ts'

/** What it looks like when a shard is replaced by a child, and when its retention is over. */
export function rollingBehaviours({ makeTable, profile }: TimedSubject): void {
  const isLocal = profile === 'local'

  /** The table with a and b in the parent, and c in the child. */
  const makeWithChild = async () => {
    const table = await makeTable()
    for (const id of ['a', 'b']) await put(table, id)
    await table.roll()
    await put(table, 'c')
    const [parent, child] = await shardsOf(table)
    return { table, parent, child: child ?? {} }
  }
  // Shared by those that only look, as a roll takes seconds.
  let made: ReturnType<typeof makeWithChild> | undefined
  const withChild = () => {
    made ??= makeWithChild()
    return made
  }

  describe('a shard that was replaced', () => {
    test('is listed as closed, before the open child that names it', async () => {
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

    test('is on a page of its own, if one shard a page is asked for', async () => {
      const { table, parent, child } = await withChild()
      const first = await describeStream(table, { Limit: 1 })
      expect(first.Shards?.map(({ ShardId }) => ShardId)).toEqual([parent.ShardId])
      expect(first.LastEvaluatedShardId).toBe(parent.ShardId)
      const second = await describeStream(table, { Limit: 1, ExclusiveStartShardId: parent.ShardId })
      expect(second.Shards?.map(({ ShardId }) => ShardId)).toEqual([child.ShardId])
      expect(second.LastEvaluatedShardId).toBeUndefined()
    })

    test('gives no next iterator with its last records, and the child begins with what came later', async () => {
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

    test('has nothing after LATEST, or after its ending sequence number', async () => {
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

    test('is not asked for numbers beyond its end, with DynamoDB Local', async () => {
      const { table, parent } = await withChild()
      const beyond = moved(parent.SequenceNumberRange?.EndingSequenceNumber ?? '', 1n)
      for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'] as const) {
        const call = iterator(table, type, { shard: parent, SequenceNumber: beyond })
        expect(await refusal(call)).toBe(isLocal ? invalid : 'none')
      }
    })

    test('has its child found by CHILD_SHARDS, which DynamoDB Local ignores', async () => {
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

  test('a shard without records is replaced too, and has an empty page', async () => {
    const table = await makeTable()
    await table.roll()
    const [parent] = await shardsOf(table)
    const { StartingSequenceNumber: start, EndingSequenceNumber: end = '' } = parent.SequenceNumberRange ?? {}
    expect(BigInt(end) >= BigInt(start ?? '')).toBe(true)
    const page = await read(table, await iterator(table, 'TRIM_HORIZON', { shard: parent }))
    expect(page.Records).toEqual([])
    expect(page).not.toHaveProperty('NextShardIterator')
  })

  test('a closed shard grows old: first its records go, then the shard itself', async () => {
    const { table, parent } = await makeWithChild()
    const { EndingSequenceNumber: SequenceNumber } = parent.SequenceNumberRange ?? {}
    const isListed = async () => (await shardsOf(table)).some(({ ShardId }) => ShardId === parent.ShardId)
    const outcomes = () =>
      Promise.all([
        outcome(table, 'TRIM_HORIZON', { shard: parent }),
        outcome(table, 'LATEST', { shard: parent }),
        outcome(table, 'AFTER_SEQUENCE_NUMBER', { shard: parent, SequenceNumber }),
      ])
    // 21 hours after it was closed, and 25 after its records were written.
    await table.pass(21 * hour)
    expect(await isListed()).toBe(true)
    expect(await outcomes()).toEqual(Array(3).fill(isLocal ? `no records: ${trimmed}` : []))
    await table.pass(4 * hour)
    // DynamoDB Local goes on listing it.
    expect(await isListed()).toBe(isLocal)
    expect(await outcomes()).toEqual(Array(3).fill(`${isLocal ? 'no records' : 'no iterator'}: ${notFound}`))
  })
}
