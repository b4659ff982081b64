// A worker as a user would write it, which also logs its events. It is killed at random moments.

import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { SQSClient } from '@aws-sdk/client-sqs'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import {
  type BatchHandler,
  openStream,
  processStream,
  type RecordHandler,
  RejectError,
  type StreamRecord,
} from '../../../src/index.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { localClients } from '../../support/dynamodb-local.ts'
import { fastClock } from '../../support/local-clock.ts'
import { openEventLog } from './event-log.ts'
import { loggedCheckpoints } from './logged-checkpoints.ts'
import { rolesOf } from './roles.ts'
import { CHECKPOINT_NAME, type WorkerConfig, type WorkerEvent } from './worker-log.ts'

type Item = { id: string; n: number }

const config = JSON.parse(process.argv[2] ?? '') as WorkerConfig
const { streams, checkpoints, queue, deadly } = config
const roleOf = rolesOf(deadly)
const { log, file } = await openEventLog<WorkerEvent>(config.logFile, (event) =>
  'deadLettered' in event || ('result' in event && event.result === 'handled') ? '+' : '.',
)

/** Logs the start of an attempt, and ends the process if the record is the one that does so. */
async function begin(record: StreamRecord<Item>, attempt: number): Promise<number> {
  const { n, id } = record.newImage ?? { n: -1, id: '' }
  const { shardId, sequenceNumber, itemKey } = record
  log({ started: { n, id, shardId, sequenceNumber, keyHash: hashItemKey(itemKey) }, attempt })
  if (n === deadly?.n) {
    if (deadly.afterMs > 0) await wait(deadly.afterMs)
    if (deadly.by === 'exit') process.exit(1)
    process.kill(process.pid, 'SIGKILL')
  }
  return n
}

/** Some records take longer than others, so that they are settled in another order than they are started. */
async function work(n: number): Promise<void> {
  if (n % 5 === 0) await wait(n % 20)
  else if (n % 5 !== 1) await nextTurn()
}

/** The effect of the handler. It is durable before the handler returns. */
async function apply(n: number): Promise<void> {
  log({ effect: n })
  await file.datasync()
}

const handleRecord: RecordHandler<StreamRecord<Item>> = async (record, { attempt, reject }) => {
  const n = await begin(record, attempt)
  await work(n)
  const role = roleOf(n)
  if (role.kind === 'rejected') {
    log({ ended: n, result: 'rejected' })
    if (n % 2 === 0) throw new RejectError('The record is unacceptable.')
    reject('The record is unacceptable.')
  }
  if (role.kind === 'hopeless' || (role.kind === 'failing' && attempt <= role.failures)) {
    log({ ended: n, result: 'failed' })
    throw new Error('The attempt has failed.')
  }
  await apply(n)
  log({ ended: n, result: 'handled' })
}

const handleBatch: BatchHandler<StreamRecord<Item>> = {
  async batch(records, context) {
    const numbers = await Promise.all(records.map((record) => begin(record, context.attemptOf(record))))
    for (const n of numbers) log({ effect: n })
    await file.datasync()
    for (const n of numbers) log({ ended: n, result: 'handled' })
  },
  batchSize: config.batchSize,
}

const local = localClients(streams)
const { endpoint, tableName } = checkpoints
const client = localClients({ endpoint, speed: 1 }).tableClient()
await using stream = await openStream<Item>({
  streamArn: config.streamArn,
  client: local.streamsClient(),
  clock: fastClock(streams.speed, streams.now + (Date.now() - streams.at) * streams.speed),
  checkpoint: {
    store: loggedCheckpoints(dynamoDBCheckpointStore({ client, tableName }), log),
    name: CHECKPOINT_NAME,
    everyRecords: config.everyRecords,
    everyMs: config.everyMs,
  },
  // Small pages and short polling intervals: a worker runs for a fraction of a second and should be killed
  // during many different calls.
  pageSize: 20,
  idlePollMs: { min: 5, max: 50 },
})
const sqs = new SQSClient({
  endpoint: queue.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
})
const run = processStream<Item>(stream, config.batchSize === undefined ? handleRecord : handleBatch, {
  concurrency: 8,
  filter: ({ newImage }) => roleOf(Number(newImage?.n)).kind !== 'filtered',
  retry: { maxAttempts: config.maxAttempts, minDelayMs: 1, maxDelayMs: 25 },
  onFailure: sqsDestination({ queueUrl: queue.url, client: sqs }),
})
run.on('deadLettered', ({ shardId, sequenceNumber, condition }) => {
  log({ deadLettered: { shardId, sequenceNumber, condition } })
})
await run
log({ finished: true })
