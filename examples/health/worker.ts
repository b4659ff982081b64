// A worker for Kubernetes, ECS or systemd: it serves its health, and stops within the time that it has.
//   TABLE=orders INDEX_URL=http://localhost:9200/orders npx tsx examples/health/worker.ts
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  type DynamoDBStream,
  fileCheckpointStore,
  isStreamError,
  openStream,
  type ProcessingRun,
  processStream,
} from 'dynamodb-stream-iterator'
import { dynamoDBCheckpointStore } from 'dynamodb-stream-iterator/checkpoints/dynamodb'
import { serveHealth, type WorkerHealth } from './serve-health.ts'
import { stopTimeouts } from './stop-timeouts.ts'

const {
  TABLE = 'orders',
  INDEX_URL = 'http://localhost:9200/orders',
  CHECKPOINT_TABLE, // for workers that can move to another machine
  STATE_DIRECTORY = './checkpoints', // set by systemd
  HEALTH_PORT = '8080',
  STOP_SECONDS = '30', // the time between SIGTERM and SIGKILL
  STALL_SECONDS = '60',
} = process.env

/** Another worker has acquired the checkpoint. This one must not be restarted, or it would take it back. */
const EXIT_REPLACED = 3

class RefusedError extends Error {}

let stream: DynamoDBStream | undefined
let run: ProcessingRun | undefined
const timeouts = stopTimeouts(Number(STOP_SECONDS) * 1_000)
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

try {
  log('listening', { port: await serveHealth(Number(HEALTH_PORT), health) })
  await work()
} catch (error) {
  // openStream rejects with the signal's reason if it aborts before the stream is open.
  if (error !== stop.signal.reason) {
    log('failed', { error: String(error) })
    process.exitCode = isStreamError(error, 'checkpoint.conflict') ? EXIT_REPLACED : 1
  }
}
// The checkpoint is saved. An abandoned handler call, or the server, must not keep the process running.
process.exit()

async function work(): Promise<void> {
  const store =
    CHECKPOINT_TABLE === undefined
      ? fileCheckpointStore(STATE_DIRECTORY)
      : dynamoDBCheckpointStore({ client: new DynamoDBClient(), tableName: CHECKPOINT_TABLE })
  await using opened = await openStream({
    tableName: TABLE,
    checkpoint: { store, name: 'index-orders' },
    followTable: true,
    signal: stop.signal, // stops the run, saves the checkpoint, and closes the stream
  })
  stream = opened
  run = processStream(opened, ({ keys, newImage }, { signal }) => index(keys.id, newImage, signal), {
    ...timeouts,
    handlerTimeoutMs: 60_000,
    stallAfterMs: Number(STALL_SECONDS) * 1_000,
    // An outage of the index is not the fault of a record, and uses up none of its attempts.
    retry: { classify: (error) => (error instanceof RefusedError ? 'retry' : 'wait') },
  })
  run.on('stalled', (stall) => log('stalled', stall))
  run.on('unstalled', (stall) => log('unstalled', stall))
  log('stopped', await run)
}

/** Writes an order to the index, or deletes it. Both can be repeated. */
async function index(id: string, order: object | undefined, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${INDEX_URL}/${encodeURIComponent(id)}`, {
    method: order ? 'PUT' : 'DELETE',
    body: order ? JSON.stringify(order) : null,
    signal,
  })
  await response.body?.cancel()
  if (response.ok) return
  const message = `The index responded with ${response.status}.`
  throw response.status < 500 ? new RefusedError(message) : new Error(message)
}

function health(): WorkerHealth {
  if (run === undefined || stream === undefined)
    return { state: stop.signal.aborted ? 'stopping' : 'starting' }
  return { ...run.health(), millisBehindLatest: stream.lag().millisBehindLatest }
}

function log(event: string, details: object): void {
  console.log(JSON.stringify({ event, ...details }))
}
