// One of several workers: one is active, the others wait. Start it twice, and stop the active one:
//   TABLE=orders SUMMARY_TABLE=order-summaries npx tsx examples/standby/worker.ts
import { setTimeout as sleep } from 'node:timers/promises'
import { ConditionalCheckFailedException, DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { isStreamError, openStream, processStream } from 'dynamodb-stream-iterator'
import { dynamoDBCheckpointStore } from 'dynamodb-stream-iterator/checkpoints/dynamodb'

const {
  TABLE = 'orders',
  SUMMARY_TABLE = 'order-summaries', // its partition key is `id`, a string
  CHECKPOINT_TABLE = 'checkpoints',
  LEASE_MS = '15000',
} = process.env

interface Order {
  readonly id: string
  readonly total: number
}

const client = new DynamoDBClient()
const store = dynamoDBCheckpointStore({ client, tableName: CHECKPOINT_TABLE })
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

while (!stop.signal.aborted) {
  try {
    await work()
  } catch (error) {
    // openStream rejects with the signal's reason if the worker is stopped while it waits.
    if (error === stop.signal.reason) break
    const isReplaced =
      isStreamError(error, 'checkpoint.conflict') || isStreamError(error, 'checkpoint.failed')
    if (!isReplaced) throw error
    console.log(`Not active any more: ${error.message}`)
    await sleep(1_000)
  }
}

/** Waits until this worker is active, and works until it is stopped, or another one is active. */
async function work(): Promise<void> {
  await using stream = await openStream<Order>({
    tableName: TABLE,
    checkpoint: { store, name: 'summarize', standby: true, leaseMs: Number(LEASE_MS) },
    signal: stop.signal,
    listeners: {
      standby: ({ owner }) => console.log(`Waiting: ${owner} is active.`),
      leaseAcquired: ({ epoch, waitedMs }) =>
        console.log(`Active with epoch ${epoch}, after ${waitedMs} ms.`),
    },
  })
  await processStream(
    stream,
    async ({ newImage }, { epoch = 0 }) => {
      if (newImage === undefined) return
      await summarize(newImage, epoch)
      console.log(`Summarized ${newImage.id}.`)
    },
    // A worker that was replaced stops within a moment. Its records are not given up before.
    { retry: { classify: (error) => (error instanceof ConditionalCheckFailedException ? 'wait' : 'retry') } },
  )
}

/** Refused by the table if a worker with a greater epoch has written: this one was replaced. */
async function summarize({ id, total }: Order, epoch: number): Promise<void> {
  await client.send(
    new UpdateItemCommand({
      TableName: SUMMARY_TABLE,
      Key: { id: { S: id } },
      UpdateExpression: 'SET #total = :total, #epoch = :epoch',
      ConditionExpression: 'attribute_not_exists(#epoch) OR #epoch <= :epoch',
      ExpressionAttributeNames: { '#total': 'total', '#epoch': 'epoch' },
      ExpressionAttributeValues: { ':total': { N: String(total) }, ':epoch': { N: String(epoch) } },
    }),
  )
}
