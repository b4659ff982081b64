import {
  type AttributeValue,
  DeleteItemCommand,
  PutItemCommand,
  type StreamViewType,
} from '@aws-sdk/client-dynamodb'
import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, expect, test } from 'vitest'
import { Coordinator } from '../../src/coordinator/coordinator.ts'
import { drain } from '../support/read.ts'
import { describeOnLocal } from '../support/shared-local.ts'
import { createTable, putNumbers, type TestTable } from '../support/tables.ts'

// Without an empty map, which the streams of DynamoDB Local return as an attribute without a type.
const everyType: Record<string, AttributeValue> = {
  id: { S: 'é—𝄞' },
  empty: { S: '' },
  number: { N: '-12.5' },
  large: { N: '9007199254740991' },
  binary: { B: Uint8Array.of(0, 1, 254, 255) },
  yes: { BOOL: true },
  no: { BOOL: false },
  nothing: { NULL: true },
  list: { L: [{ S: 'x' }, { N: '1' }, { L: [] }, { NULL: true }] },
  map: { M: { deep: { M: { binary: { B: Uint8Array.of(7) }, list: { L: [{ BOOL: true }] } } } } },
  strings: { SS: ['a', 'b'] },
  numbers: { NS: ['1', '2.5'] },
  binaries: { BS: [Uint8Array.of(1), Uint8Array.of(2, 3)] },
}

describeOnLocal('records of DynamoDB Local', (local) => {
  const tables = local.tableClient()
  const client = local.streamsClient()

  afterAll(() => {
    tables.destroy()
    client.destroy()
  })

  const readAll = async ({ streamArn }: TestTable) => {
    await using coordinator = new Coordinator({ client, streamArn })
    await coordinator.moveTo('trim_horizon')
    return await drain(coordinator)
  }
  const readWithSdk = async ({ streamArn: StreamArn }: TestTable) => {
    const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn }))
    const ShardId = StreamDescription?.Shards?.[0]?.ShardId
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    )
    return (await client.send(new GetRecordsCommand({ ShardIterator }))).Records ?? []
  }

  test('records contain every attribute type exactly as the SDK returns it', async () => {
    const table = await createTable(tables)
    const { tableName: TableName } = table
    await tables.send(new PutItemCommand({ TableName, Item: everyType }))
    await tables.send(new DeleteItemCommand({ TableName, Key: { id: everyType.id as AttributeValue } }))
    const records = await readAll(table)
    const plain = unmarshall(everyType)
    expect(records.map(({ newImage }) => newImage)).toEqual([plain, undefined])
    expect(records.map(({ oldImage }) => oldImage)).toEqual([undefined, plain])
    expect(records.map(({ raw }) => raw)).toStrictEqual(await readWithSdk(table))
  })

  test('records contain the event, the keys, the time and the shard of each write', async () => {
    const table = await createTable(tables)
    const before = Date.now()
    await putNumbers(tables, table, 'a', [1, 2])
    await tables.send(new DeleteItemCommand({ TableName: table.tableName, Key: { id: { S: 'a' } } }))
    const records = await readAll(table)
    expect(records.map(({ eventName, oldImage, newImage }) => [eventName, oldImage?.n, newImage?.n])).toEqual(
      [
        ['INSERT', undefined, 1],
        ['MODIFY', 1, 2],
        ['REMOVE', 2, undefined],
      ],
    )
    for (const record of records) {
      expect(record.keys).toEqual({ id: 'a' })
      expect(record.sequenceNumber).toMatch(/^\d{21,40}$/)
      expect(record.shardId).toMatch(/^shardId-/)
      expect(record.sizeBytes).toBeGreaterThan(0)
      expect(record.isTtlDelete).toBe(false)
      // DynamoDB Local truncates the time to the minute.
      expect(Math.abs(record.createdAt.getTime() - before)).toBeLessThan(120_000)
    }
    expect(new Set(records.map(({ eventId }) => eventId)).size).toBe(3)
  })

  test.for<[StreamViewType, boolean, boolean]>([
    ['KEYS_ONLY', false, false],
    ['NEW_IMAGE', true, false],
    ['OLD_IMAGE', false, true],
    ['NEW_AND_OLD_IMAGES', true, true],
  ])('records contain the images of the view type %s', async ([view, hasNew, hasOld]) => {
    const table = await createTable(tables, view)
    await putNumbers(tables, table, 'a', [1, 2])
    const [, modified] = await readAll(table)
    expect(modified?.newImage?.n).toBe(hasNew ? 2 : undefined)
    expect(modified?.oldImage?.n).toBe(hasOld ? 1 : undefined)
    expect(modified?.keys).toEqual({ id: 'a' })
  })
})
