import type { GetShardIteratorCommandInput, ShardIteratorType } from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test } from 'vitest'
import {
  addTo,
  errorOf,
  internalFailure,
  invalid,
  iterator,
  keysOf,
  notFound,
  numberOf,
  put,
  read,
  readAll,
  shardsOf,
  trimmed,
} from './calls.ts'
import type { Subject, SubjectTable } from './subjects.ts'

const someNumber = '0'.repeat(20).concat('7')

/** Tests where each type of iterator starts, and which requests GetShardIterator refuses. */
export function iteratorBehaviors({ createTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  /** Creates a table with the items a, b and c, and returns their sequence numbers. */
  const createWithThree = async () => {
    const table = await createTable()
    for (const id of ['a', 'b', 'c']) await put(table, id)
    return { table, numbers: (await readAll(table)).map(numberOf) }
  }
  const keysFrom = async (table: SubjectTable, type: ShardIteratorType, SequenceNumber?: string) =>
    keysOf(await read(table, await iterator(table, type, { SequenceNumber })))

  describe('GetShardIterator', () => {
    test('TRIM_HORIZON starts at the first record, and LATEST at later records', async () => {
      const { table } = await createWithThree()
      const latest = await iterator(table, 'LATEST')
      await put(table, 'd')
      expect(await keysFrom(table, 'TRIM_HORIZON')).toEqual(['a', 'b', 'c', 'd'])
      expect(keysOf(await read(table, latest))).toEqual(['d'])
    })

    test('AT_SEQUENCE_NUMBER starts at a sequence number, and AFTER_SEQUENCE_NUMBER after it', async () => {
      const { table, numbers } = await createWithThree()
      const [first, second, last = ''] = numbers
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', first)).toEqual(['a', 'b', 'c'])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', first)).toEqual(['b', 'c'])
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', second)).toEqual(['b', 'c'])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', second)).toEqual(['c'])
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', last)).toEqual(['c'])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', last)).toEqual([])
      const later = addTo(last, 1_000n)
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', later)).toEqual([])
      expect(await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', later)).toEqual([])
    })

    test('AT_SEQUENCE_NUMBER with the starting sequence number of the shard starts at the first record', async () => {
      const { table, numbers } = await createWithThree()
      const [{ SequenceNumberRange: { StartingSequenceNumber: start = '' } = {} }] = await shardsOf(table)
      // DynamoDB Local counts the writes to all tables together, and refuses the number of its own listing if
      // another table was written to before the first record.
      if (isLocal && start !== numbers[0]) {
        expect(await errorOf(keysFrom(table, 'AT_SEQUENCE_NUMBER', start))).toBe(trimmed)
        return
      }
      expect(await keysFrom(table, 'AT_SEQUENCE_NUMBER', start)).toEqual(['a', 'b', 'c'])
      // Otherwise it is the number of the first record, so that AFTER starts at the second record.
      expect(start === numbers[0]).toBe(isLocal)
      const after = await keysFrom(table, 'AFTER_SEQUENCE_NUMBER', start)
      expect(after).toEqual(isLocal ? ['b', 'c'] : ['a', 'b', 'c'])
    })

    test('a sequence number before the start of the shard is refused by DynamoDB Local only', async () => {
      const { table, numbers } = await createWithThree()
      const [{ SequenceNumberRange: { StartingSequenceNumber: start = '' } = {} }] = await shardsOf(table)
      expect(numbers[0]).toBeDefined()
      for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'] as const) {
        const call = iterator(table, type, { SequenceNumber: addTo(start, -1n) })
        expect(await errorOf(call)).toBe(isLocal ? invalid : 'none')
      }
    })

    test.for<[sequenceNumber: string, expected: string]>([
      ['1', invalid],
      ['abc', invalid],
      ['', invalid],
      ['9'.repeat(41), invalid],
      ['a'.repeat(21), isLocal ? internalFailure : invalid],
      [`-${'1'.repeat(22)}`, isLocal ? internalFailure : invalid],
      ['9'.repeat(21), isLocal ? internalFailure : 'none'],
      ['9'.repeat(40), isLocal ? internalFailure : 'none'],
    ])(
      'GetShardIterator with the sequence number "%s" results in the error: %s',
      async ([SequenceNumber, expected]) => {
        const table = await createTable()
        for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'] as const) {
          expect(await errorOf(iterator(table, type, { SequenceNumber }))).toBe(expected)
        }
      },
    )

    test.for<[what: string, members: Partial<GetShardIteratorCommandInput>, expected: string]>([
      ['an unknown type', { ShardIteratorType: 'OTHER' as 'LATEST' }, isLocal ? internalFailure : invalid],
      ['no type', { ShardIteratorType: undefined }, isLocal ? internalFailure : invalid],
      ['AT_SEQUENCE_NUMBER without a sequence number', { ShardIteratorType: 'AT_SEQUENCE_NUMBER' }, invalid],
      [
        'AFTER_SEQUENCE_NUMBER without a sequence number',
        { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' },
        invalid,
      ],
      ['TRIM_HORIZON with a sequence number', { SequenceNumber: someNumber }, invalid],
      ['LATEST with a sequence number', { ShardIteratorType: 'LATEST', SequenceNumber: someNumber }, invalid],
      ['no shard', { ShardId: undefined }, invalid],
      ['an unknown shard', { ShardId: 'shardId-00000000000000000001-deadbeef' }, notFound],
      ['a shard id that is too short', { ShardId: 'x' }, isLocal ? notFound : invalid],
      ['a shard id that is too long', { ShardId: 'x'.repeat(66) }, isLocal ? notFound : invalid],
      ['a string that is not an ARN', { StreamArn: 'x'.repeat(50) }, notFound],
    ])('GetShardIterator with %s (%o) results in the error: %s', async ([, members, expected]) => {
      expect(await errorOf(iterator(await createTable(), 'TRIM_HORIZON', members))).toBe(expected)
    })
  })
}
