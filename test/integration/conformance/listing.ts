import { DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { type DescribeStreamCommandInput, ListStreamsCommand } from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test } from 'vitest'
import { describeStream, invalid, notFound, refusal, shardsOf } from './calls.ts'
import { latestStream, type Subject } from './subjects.ts'

const someShard = 'shardId-00000000000000000001-deadbeef'

/** What DescribeStream, ListStreams and DescribeTable tell of a stream with a single shard. */
export function listingBehaviours({ makeTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  describe('DescribeStream', () => {
    test('tells the stream, its table and its one open shard', async () => {
      const table = await makeTable('KEYS_ONLY')
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

    test('ends with a full page, and begins the next page after the id it is given, known or not', async () => {
      const table = await makeTable()
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

    test('finds no children of a shard without any, and of an unknown one', async () => {
      const table = await makeTable()
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
      ['a text that is no ARN', { StreamArn: 'x'.repeat(50) }, notFound],
    ])('answers to %s: %o → %s', async ([, members, expected]) => {
      expect(await refusal(describeStream(await makeTable(), members))).toBe(expected)
    })

    test('does not know a stream of another time, of another table, or the table itself', async () => {
      const table = await makeTable()
      const { streamArn, tableName } = table
      for (const StreamArn of [
        streamArn.replace(/\d{4}-/, '2020-'),
        streamArn.replace(tableName, `${tableName}x`),
        streamArn.replace(/\/stream.*/, ''),
      ]) {
        expect(await refusal(describeStream(table, { StreamArn })), StreamArn).toBe(notFound)
      }
    })
  })

  test('ListStreams gives the streams of the table, after the one it is asked to start with', async () => {
    const { streams, streamArn, tableName: TableName } = await makeTable()
    const list = async (members: object) => (await streams.send(new ListStreamsCommand(members))).Streams
    const StreamLabel = streamArn.split('/').at(-1)
    expect(await list({ TableName })).toEqual([{ StreamArn: streamArn, TableName, StreamLabel }])
    expect(await list({ TableName, ExclusiveStartStreamArn: streamArn })).toEqual([])
    expect(await list({ TableName: 'no-such-table' })).toEqual([])
    for (const Limit of [0, 101]) expect(await refusal(list({ TableName, Limit }))).toBe(invalid)
  })

  test('DescribeTable names the stream, and does not know another table', async () => {
    const table = await makeTable()
    expect(await latestStream(table)).toBe(table.streamArn)
    const unknown = table.tables.send(new DescribeTableCommand({ TableName: 'no-such-table' }))
    expect(await refusal(unknown)).toBe(notFound)
  })
}
