import { writeSync } from 'node:fs'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { errorCode } from '../../checkpoints/atomic-file.ts'
import { fileCheckpointStore, openStream, type StreamRecord } from '../../index.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { dummySettings } from './dummy-settings.ts'
import type { OrderChange } from './orders.ts'
import { checkpointName, type WorkerReport, type WorkerTask } from './reports.ts'

/** Few enough that the view keeps up, often enough that it is seen to move. */
const LAG_REPORT_MS = 200

type Order = Required<OrderChange>['item'] & { orderId: string; version: number }

/** The worker process of the demo: what a user would write, and that it tells what it was given. */
export async function demoWorker(args: readonly string[]): Promise<ExitCode> {
  const { endpoint, tableName, folder }: WorkerTask = JSON.parse(args[0] ?? '')
  const stop = stopSignal()
  const settings = { endpoint, ...dummySettings }
  await using stream = await openStream<Order>({
    tableName,
    client: new DynamoDBStreamsClient(settings),
    tableClient: new DynamoDBClient(settings),
    startAt: 'trim_horizon',
    checkpoint: {
      store: fileCheckpointStore(folder),
      name: checkpointName,
      everyRecords: 250,
      everyMs: 1_000,
    },
    signal: stop,
    listeners: {
      shardOpened: ({ shardId, parentId }) => report({ opened: shardId, parentId: parentId ?? null }),
      shardFinished: ({ shardId }) => report({ finished: shardId }),
      checkpointSaved: () => report({ checkpoint: true }),
    },
  })
  setInterval(() => report({ lagMs: stream.lag().millisBehindLatest }), LAG_REPORT_MS).unref()
  for await (const record of stream) handle(record)
  return exitCodes.ok
}

function handle(record: StreamRecord<Order>): void {
  const { newImage, oldImage, shardId, sequenceNumber } = record
  // A deletion is the write after the last version.
  const version = newImage?.version ?? (oldImage?.version ?? Number.NaN) + 1
  report({ record: [shardId, sequenceNumber, String(record.keys.orderId), version] })
}

/**
 * Out of this process at once, so that it counts whenever the process is killed: a record is told before the loop
 * comes back for the next one, and so before a checkpoint can cover it.
 */
function report(what: WorkerReport): void {
  const bytes = Buffer.from(`${JSON.stringify(what)}\n`)
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done)
    } catch (error) {
      // The pipe is full.
      if (errorCode(error) !== 'EAGAIN') throw error
      Atomics.wait(never, 0, 0, 1)
    }
  }
}

/** Nobody changes it: to wait for it is to sleep, in ms, without coming back to the event loop. */
const never = new Int32Array(new SharedArrayBuffer(4))

/** Aborts at SIGTERM. Ctrl-C in the terminal is for the demo, which then stops this process; so does its end. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  process.on('SIGTERM', () => stop.abort())
  process.on('SIGINT', () => {})
  process.stdin.on('end', () => process.exit(exitCodes.failed)).on('error', () => {})
  process.stdin.resume()
  return stop.signal
}
