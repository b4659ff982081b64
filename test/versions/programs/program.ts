// Compiled with the oldest and the newest supported TypeScript, against the installed SDK. It is not run.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import {
  type Clock,
  Coordinator,
  fileCheckpointStore,
  isStreamError,
  type OpenStreamOptions,
  openStream,
  type StreamRecord,
} from 'dynamodb-stream-iterator'
import { dynamoDBCheckpointStore } from 'dynamodb-stream-iterator/checkpoints/dynamodb'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'

interface Order {
  id: string
  total: number
}

const client = new DynamoDBStreamsClient({})
const tableClient = new DynamoDBClient({})
const options: OpenStreamOptions = {
  tableName: 'orders',
  client,
  tableClient,
  startAt: new Date(0),
  checkpoint: { store: fileCheckpointStore('./checkpoints'), name: 'indexer' },
  listeners: { retry: ({ attempt }) => console.warn(attempt) },
}
const store = dynamoDBCheckpointStore({ client: tableClient, tableName: 'checkpoints' })
const clock: Clock = new ManualClock()
export const emulator: StreamEmulator = new StreamEmulator({ clock: clock as ManualClock })

export async function total(): Promise<number> {
  const stream = await openStream<Order>({ ...options, checkpoint: { store, name: 'total' } })
  let sum = 0
  try {
    for await (const record of stream) sum += record.newImage?.total ?? 0
  } catch (error) {
    if (isStreamError(error, 'records.trimmed')) console.error(error.details.shardId)
    else throw error
  } finally {
    await stream.close()
  }
  return sum
}

export async function first(): Promise<StreamRecord<Order> | undefined> {
  const coordinator = new Coordinator<Order>({ client, streamArn: 'arn', clock })
  await coordinator.moveTo('latest')
  return coordinator.next()
}
