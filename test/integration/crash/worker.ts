// A worker as a consumer would write it, which also logs its events. It is killed at random moments.
import { openSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import {
  type CheckpointStore,
  fileCheckpointStore,
  openStream,
  type StreamToken,
} from '../../../src/index.ts'
import { CHECKPOINT_NAME, type WorkerConfig, type WorkerEvent } from './worker-log.ts'

const config = JSON.parse(process.argv[2] ?? '') as WorkerConfig
const settings = { region: 'eu-west-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

const file = openSync(config.logFile, 'a')

/**
 * Logs an event synchronously: when this returns, the kernel has the line, so it is not lost if the process
 * is killed.
 */
function log(event: WorkerEvent): void {
  writeSync(file, `${JSON.stringify(event)}\n`)
  // Lets the test count the events without reading the file.
  process.stdout.write('.')
}

function openStore({ checkpoints }: WorkerConfig): CheckpointStore {
  if (checkpoints.kind === 'file') return fileCheckpointStore(checkpoints.folder)
  const { endpoint, tableName } = checkpoints
  return dynamoDBCheckpointStore({ client: new DynamoDBClient({ ...settings, endpoint }), tableName })
}

function withLog(store: CheckpointStore): CheckpointStore {
  return {
    async load(name) {
      const token = await store.load(name)
      log({ loaded: (token ?? null) as StreamToken | null })
      return token
    },
    async save(name, token) {
      log({ saving: token })
      await store.save(name, token)
      log({ saved: true })
    },
  }
}

const stream = await openStream<{ id: string; n: number }>({
  streamArn: config.streamArn,
  client: new DynamoDBStreamsClient({ ...settings, endpoint: config.endpoint }),
  checkpoint: {
    store: withLog(openStore(config)),
    name: CHECKPOINT_NAME,
    everyRecords: config.everyRecords,
    everyMs: config.everyMs,
  },
  // Small pages and short polling intervals: a worker runs for a fraction of a second and should be killed
  // during many different calls.
  pageSize: 20,
  idlePollMs: { min: 5, max: 50 },
})
for await (const { newImage, shardId, sequenceNumber } of stream) {
  const { n, id } = newImage ?? { n: -1, id: '' }
  log({ record: { n, id, shardId, sequenceNumber } })
  // Some records take longer, so that checkpoints are saved while a record is unacknowledged.
  if (n % 4 === 0) await nextTurn()
  log({ processed: n })
}
log({ ended: true })
