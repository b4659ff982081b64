import { DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { type DescribeStreamCommandInput, ListStreamsCommand } from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test } from 'vitest'
import { describeStream, errorOf, invalid, notFound, shardsOf } from './calls.ts'
import { latestStream, type Subject } from './subjects.ts'

const someShard = 'shardId-00000000000000000001-deadbeef'

/** Tests DescribeStream, ListStreams and DescribeTable for a stream with a single shard. */
export function listingBehaviors({ createTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  describe('DescribeStream', () => {
    test('DescribeStream describes the stream, its table and its only open shard', async () => {
      const table = await createTable('KEYS_ONLY')
      const { Shards, ...stream } = await describeStream(table)
      expect(stream).toEqual({
        StreamArn: table.streamArn,
        StreamLabel: table.streamArn.split('/').at(-1),
        StreamStatus: 'ENABLED',
        StreamViewType: 'KEYS_ONLY',
        CreationRequestDateTime: expect.any(Date),
        TableName: table.tableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      })
      expect(Shards).toEqual([
        {
          ShardId: expect.stringMatching(/^shardId-\d{20}-[0-9a-f]{8}$/),
          SequenceNumberRange: { StartingSequenceNumber: expect.stringMatching(/^\d{21,40}$/) },
        },
      ])
    })

    test('an exactly full page is the last one, and a page starts after any shard id, listed or not', async () => {
      const table = await createTable()
      const [{ ShardId = '' }] = await shardsOf(table)
      const page = await describeStream(table, { Limit: 1 })
      expect(page.Shards).toHaveLength(1)
      expect(page.LastEvaluatedShardId).toBeUndefined()
      const shardsAfter = async (start: string) =>
        (await describeStream(table, { ExclusiveStartShardId: start })).Shards?.length
      expect(await shardsAfter(ShardId)).toBe(0)
      expect(await shardsAfter(someShard)).toBe(1)
      expect(await shardsAfter('shardId-99999999999999999999-deadbeef')).toBe(0)
    })

    test('CHILD_SHARDS returns no shards for a shard without children and for an unknown shard', async () => {
      const table = await createTable()
      const [{ ShardId = '' }] = await shardsOf(table)
      for (const parent of [ShardId, someShard]) {
        const page = await describeStream(table, { ShardFilter: { Type: 'CHILD_SHARDS', ShardId: parent } })
        expect(page.Shards).toEqual([])
      }
    })

    test.for<[what: string, members: Partial<DescribeStreamCommandInput>, expected: string]>([
      ['a limit of 0', { Limit: 0 }, invalid],
      ['a limit above 100', { Limit: 101 }, invalid],
      ['a shard id that is too short', { ExclusiveStartShardId: 'x' }, invalid],
      [
        'a filter of an id that is too short',
        { ShardFilter: { Type: 'CHILD_SHARDS', ShardId: 'x' } },
        invalid,
      ],
      ['a filter without a type', { ShardFilter: { ShardId: someShard } }, invalid],
      [
        'a filter of another type',
        { ShardFilter: { Type: 'OTHER' as 'CHILD_SHARDS', ShardId: someShard } },
        invalid,
      ],
      ['a filter without a shard', { ShardFilter: { Type: 'CHILD_SHARDS' } }, isLocal ? 'none' : invalid],
      [
        'a filter and a start',
        { ShardFilter: { Type: 'CHILD_SHARDS', ShardId: someShard }, ExclusiveStartShardId: someShard },
        invalid,
      ],
      ['no ARN', { StreamArn: undefined }, invalid],
      ['an ARN that is too short', { StreamArn: 'x' }, isLocal ? notFound : invalid],
      ['a string that is not an ARN', { StreamArn: 'x'.repeat(50) }, notFound],
    ])('DescribeStream with %s (%o) results in the error: %s', async ([, members, expected]) => {
      expect(await errorOf(describeStream(await createTable(), members))).toBe(expected)
    })

    test('DescribeStream refuses the ARN of a stream with another label or table, and that of the table', async () => {
      const table = await createTable()
      const { streamArn, tableName } = table
      for (const StreamArn of [
        streamArn.replace(/\d{4}-/, '2020-'),
        streamArn.replace(tableName, `${tableName}x`),
        streamArn.replace(/\/stream.*/, ''),
      ]) {
        expect(await errorOf(describeStream(table, { StreamArn })), StreamArn).toBe(notFound)
      }
    })
  })

  test('ListStreams returns the streams of the table after ExclusiveStartStreamArn', async () => {
    const { streams, streamArn, tableName: TableName } = await createTable()
    const list = async (members: object) => (await streams.send(new ListStreamsCommand(members))).Streams
    const StreamLabel = streamArn.split('/').at(-1)
    expect(await list({ TableName })).toEqual([{ StreamArn: streamArn, TableName, StreamLabel }])
    expect(await list({ TableName, ExclusiveStartStreamArn: streamArn })).toEqual([])
    expect(await list({ TableName: 'no-such-table' })).toEqual([])
    for (const Limit of [0, 101]) expect(await errorOf(list({ TableName, Limit }))).toBe(invalid)
  })

  test('DescribeTable returns the ARN of the latest stream, and refuses an unknown table', async () => {
    const table = await createTable()
    expect(await latestStream(table)).toBe(table.streamArn)
    const unknown = table.tables.send(new DescribeTableCommand({ TableName: 'no-such-table' }))
    expect(await errorOf(unknown)).toBe(notFound)
  })
}
