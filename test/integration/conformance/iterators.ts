import type { GetShardIteratorCommandInput, ShardIteratorType } from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test } from 'vitest'
import {
  failure,
  invalid,
  iterator,
  keysOf,
  moved,
  notFound,
  numberOf,
  put,
  read,
  readAll,
  refusal,
  shardsOf,
} from './calls.ts'
import type { Subject, SubjectTable } from './subjects.ts'

const someNumber = '0'.repeat(20).concat('7')

/** Where the types of iterators begin, and what GetShardIterator refuses. */
export function iteratorBehaviours({ makeTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  /** The table with the items a, b and c, and their sequence numbers. */
  const withThree = async () => {
    const table = await makeTable()
    for (const id of ['a', 'b', 'c']) await put(table, id)
    return { table, numbers: (await readAll(table)).map(numberOf) }
  }
  const keysFrom = async (table: SubjectTable, type: ShardIteratorType, SequenceNumber?: string) =>
    keysOf(await read(table, await iterator(table, type, { SequenceNumber })))

  describe('GetShardIterator', () => {
    test('begins with the first record at TRIM_HORIZON, and with what comes later at LATEST', async () => {
      const { table } = await withThree()
      const latest = await iterator(table, 'LATEST')
      await put(table, 'd')
      expect(await keysFrom(table, 'TRIM_HORIZON')).toEqual(['a', 'b', 'c', 'd'])
      expect(keysOf(await read(table, latest))).toEqual(['d'])
    })

    test('begins with or after a sequence number', async () => {
      const { table, numbers } = await withThree()
      const [first, second, last = ''] = numbers
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', first)).toEqual(['a', 'b', 'c'])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', first)).toEqual(['b', 'c'])
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', second)).toEqual(['b', 'c'])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', second)).toEqual(['c'])
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', last)).toEqual(['c'])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', last)).toEqual([])
      const later = moved(last, 1_000n)
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', later)).toEqual([])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', later)).toEqual([])
    })

    test('begins with the first record at the number that the listing says the shard starts with', async () => {
      const { table, numbers } = await withThree()
      const [{ SequenceNumberRange: { StartingSequenceNumber: start = '' } = {} }] = await shardsOf(table)
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', start)).toEqual(['a', 'b', 'c'])
      // DynamoDB Local gives the first record that very number: after it comes the second one.
      expect(start === numbers[0]).toBe(isLocal)
      const after = await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', start)
      expect(after).toEqual(isLocal ? ['b', 'c'] : ['a', 'b', 'c'])
    })

    test('a number before the shard is refused by DynamoDB Local', async () => {
      const { table, numbers } = await withThree()
      const [{ SequenceNumberRange: { StartingSequenceNumber: start = '' } = {} }] = await shardsOf(table)
      expect(numbers[0]).toBeDefined()
      for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'] as const) {
        const call = iterator(table, type, { SequenceNumber: moved(start, -1n) })
        expect(await refusal(call)).toBe(isLocal ? invalid : 'none')
      }
    })

    test.for<[text: string, expected: string]>([
      ['1', invalid],
      ['abc', invalid],
      ['', invalid],
      ['9'.repeat(41), invalid],
      ['a'.repeat(21), isLocal ? failure : invalid],
      [`-${'1'.repeat(22)}`, isLocal ? failure : invalid],
      ['9'.repeat(21), isLocal ? failure : 'none'],
      ['9'.repeat(40), isLocal ? failure : 'none'],
    ])('answers to the sequence number "%s": %s', async ([SequenceNumber, expected]) => {
      const table = await makeTable()
      for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'] as const) {
        expect(await refusal(iterator(table, type, { SequenceNumber }))).toBe(expected)
      }
    })

    test.for<[what: string, members: Partial<GetShardIteratorCommandInput>, expected: string]>([
      ['an unknown type', { ShardIteratorType: 'OTHER' as 'LATEST' }, isLocal ? failure : invalid],
      ['no type', { ShardIteratorType: undefined }, isLocal ? failure : invalid],
      ['no sequence number where one is needed', { ShardIteratorType: 'AT_SEQUENCE_NUMBER' }, invalid],
      ['the same with AFTER', { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' }, invalid],
      ['a sequence number where none belongs', { SequenceNumber: someNumber }, invalid],
      ['the same with LATEST', { ShardIteratorType: 'LATEST', SequenceNumber: someNumber }, invalid],
      ['no shard', { ShardId: undefined }, invalid],
      ['an unknown shard', { ShardId: 'shardId-00000000000000000001-deadbeef' }, notFound],
      ['a shard id that is too short', { ShardId: 'x' }, isLocal ? notFound : invalid],
      ['a shard id that is too long', { ShardId: 'x'.repeat(66) }, isLocal ? notFound : invalid],
      ['a text that is no ARN', { StreamArn: 'x'.repeat(50) }, notFound],
    ])('answers to %s: %o → %s', async ([, members, expected]) => {
      expect(await refusal(iterator(await makeTable(), 'TRIM_HORIZON', members))).toBe(expected)
    })
  })
}
