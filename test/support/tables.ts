import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  type StreamViewType,
} from '@aws-sdk/client-dynamodb'

export interface TestTable {
  readonly tableName: string
  /** Empty for a table without a stream. */
  readonly streamArn: string
}

/** Makes a table of a new name with the partition key `id`, a string. */
export async function createTable(
  client: DynamoDBClient,
  view: StreamViewType | 'no stream' = 'NEW_AND_OLD_IMAGES',
): Promise<TestTable> {
  const tableName = `t-${randomUUID()}`
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      ...(view !== 'no stream' && { StreamSpecification: { StreamEnabled: true, StreamViewType: view } }),
    }),
  )
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }))
  return { tableName, streamArn: Table?.LatestStreamArn ?? '' }
}
