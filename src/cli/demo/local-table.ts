import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { clientSettings, type DemoTable, ordersTable } from './demo-table.ts'
import { startLocalServer } from './local-server.ts'
import type { OrderChange } from './orders.ts'

/** A table in a new DynamoDB Local. */
export async function localTable(signal: AbortSignal): Promise<DemoTable> {
  const server = await startLocalServer(signal)
  const client = new DynamoDBClient({ endpoint: server.endpoint, ...clientSettings })
  const stop = async () => {
    client.destroy()
    await server.stop()
  }
  try {
    await createOrdersTable(client)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    place: 'DynamoDB Local (one shard that never splits)',
    endpoint: server.endpoint,
    tableName: ordersTable,
    write: (changes) => write(client, changes),
    disturb: () => undefined,
    [Symbol.asyncDispose]: stop,
  }
}

async function createOrdersTable(client: DynamoDBClient): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: ordersTable,
      AttributeDefinitions: [{ AttributeName: 'orderId', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  )
}

async function write(client: DynamoDBClient, changes: readonly OrderChange[]): Promise<void> {
  let requests: WriteRequest[] = changes.map(({ orderId, item }) =>
    item ? { PutRequest: { Item: marshall(item) } } : { DeleteRequest: { Key: marshall({ orderId }) } },
  )
  while (requests.length > 0) {
    const command = new BatchWriteItemCommand({ RequestItems: { [ordersTable]: requests } })
    const { UnprocessedItems } = await client.send(command)
    requests = UnprocessedItems?.[ordersTable] ?? []
  }
}
