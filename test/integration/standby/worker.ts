// One of several workers with `standby: true`. It is killed and suspended at random moments.
import { writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { isStreamError, openStream, processStream } from '../../../src/index.ts'
import { localClients } from '../../support/dynamodb-local.ts'
import { CHECKPOINT, EFFECTS, type WorkerConfig, type WorkerEvent } from './worker-log.ts'

const config = JSON.parse(process.argv[2] ?? '') as WorkerConfig
const { endpoint, streamArn, checkpointTable, effectTable, leaseMs } = config
// Synchronously, so that nothing is lost when the process is killed.
const log = (event: WorkerEvent) => void writeSync(1, `${JSON.stringify(event)}\n`)
const clients = localClients({ endpoint, speed: 1 })
const client = clients.tableClient()
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())

/** An effect that only the active worker can have: it is conditional on the epoch. */
async function apply(n: number, id: string, epoch: number): Promise<void> {
  const effect = { L: [{ M: { n: { N: String(n) }, id: { S: id }, epoch: { N: String(epoch) } } }] }
  await client.send(
    new UpdateItemCommand({
      TableName: effectTable,
      Key: EFFECTS,
      UpdateExpression: 'SET #epoch = :epoch, #list = list_append(if_not_exists(#list, :empty), :effect)',
      ConditionExpression: 'attribute_not_exists(#epoch) OR #epoch <= :epoch',
      ExpressionAttributeNames: { '#epoch': 'epoch', '#list': 'list' },
      ExpressionAttributeValues: {
        ':epoch': { N: String(epoch) },
        ':empty': { L: [] },
        ':effect': effect,
      },
    }),
  )
}

try {
  const stream = await openStream<{ id: string; n: number }>({
    streamArn,
    client: clients.streamsClient(),
    signal: stop.signal,
    checkpoint: {
      store: dynamoDBCheckpointStore({ client, tableName: checkpointTable, owner: String(process.pid) }),
      name: CHECKPOINT,
      everyRecords: 20,
      everyMs: 100,
      standby: true,
      leaseMs,
    },
    listeners: {
      standby: () => log({ standby: true }),
      leaseAcquired: ({ epoch }) => log({ active: epoch }),
    },
  })
  try {
    await processStream(
      stream,
      async (record, { epoch = 0 }) => {
        const { n, id } = record.newImage ?? { n: -1, id: '' }
        log({ started: n })
        try {
          await apply(n, id, epoch)
        } catch (error) {
          if ((error as Error).name === 'ConditionalCheckFailedException') log({ refused: n })
          throw error
        }
        if (n % 7 === 0) await wait(n % 30)
      },
      { onFailure: 'discard' },
    )
  } finally {
    await stream.close()
  }
} catch (error) {
  if (error !== stop.signal.reason) {
    log({ ended: isStreamError(error) ? error.code : String(error) })
    process.exit(3)
  }
}
process.exit(0)
