import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  PutItemCommand,
  ResourceInUseException,
  type StreamSpecification,
  type StreamViewType,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb'

export interface TestTable {
  readonly tableName: string
  /** The ARN of the stream; an empty string for a table without one. */
  readonly streamArn: string
}

/** Creates a table with a unique name and the partition key `id`, a string. */
export async function createTable(
  client: DynamoDBClient,
  view: StreamViewType | 'no stream' = 'NEW_AND_OLD_IMAGES',
): Promise<TestTable> {
  const tableName = `t-${randomUUID()}`
  await client
    .send(
      new CreateTableCommand({
        TableName: tableName,
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
        ...(view !== 'no stream' && { StreamSpecification: streamSpecification(view) }),
      }),
    )
    .catch((error: unknown) => {
      // An earlier attempt, whose response was lost, has created the table: its name is unique.
      if (!(error instanceof ResourceInUseException)) throw error
    })
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }))
  return { tableName, streamArn: Table?.LatestStreamArn ?? '' }
}

/** Enables a new stream of the table, or disables its stream. */
export async function setStream(
  client: DynamoDBClient,
  tableName: string,
  view: StreamViewType | 'no stream',
): Promise<void> {
  const StreamSpecification = streamSpecification(view)
  await client.send(new UpdateTableCommand({ TableName: tableName, StreamSpecification }))
}

function streamSpecification(view: StreamViewType | 'no stream'): StreamSpecification {
  return view === 'no stream' ? { StreamEnabled: false } : { StreamEnabled: true, StreamViewType: view }
}

/** Writes the item `{ id, n }`. */
export async function putNumber(
  client: DynamoDBClient,
  { tableName }: TestTable,
  id: string,
  n: number,
): Promise<void> {
  await client.send(
    new PutItemCommand({ TableName: tableName, Item: { id: { S: id }, n: { N: String(n) } } }),
  )
}

/** Writes an item `{ id, n }` for each `n` from `from` to `to`, one after the other. */
export async function putNumbers(
  client: DynamoDBClient,
  table: TestTable,
  id: string,
  [from, to]: readonly [from: number, to: number],
): Promise<void> {
  for (let n = from; n <= to; n++) await putNumber(client, table, id, n)
}
