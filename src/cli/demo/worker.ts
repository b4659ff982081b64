import { writeSync } from 'node:fs'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { errorCode } from '../../core/error-code.ts'
import { fileCheckpointStore, openStream, type StreamRecord } from '../../index.ts'
import { type ExitCode, exitCodes } from '../errors.ts'
import { clientSettings } from './demo-table.ts'
import type { OrderChange } from './orders.ts'
import { checkpointName, type WorkerMessage, type WorkerTask } from './worker-process.ts'

type Order = Required<OrderChange>['item'] & { orderId: string; version: number }

/** The worker process of the demo: an ordinary consumer that also reports each record to the demo. */
export async function demoWorker(args: readonly string[]): Promise<ExitCode> {
  const { endpoint, tableName, folder }: WorkerTask = JSON.parse(args[0] ?? '')
  const stop = stopSignal()
  const settings = { endpoint, ...clientSettings }
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
      shardOpened: ({ shardId, parentId }) => send({ opened: shardId, parentId: parentId ?? null }),
      shardFinished: ({ shardId }) => send({ finished: shardId }),
      checkpointSaved: ({ token }) => send({ checkpoint: token }),
    },
  })
  for await (const record of stream) handle(record)
  return exitCodes.ok
}

function handle(record: StreamRecord<Order>): void {
  const { newImage, oldImage, shardId, sequenceNumber } = record
  // The deletion of an order has the version after its last one.
  const version = newImage?.version ?? (oldImage?.version ?? Number.NaN) + 1
  send({ record: [shardId, sequenceNumber, String(record.keys.orderId), version] })
}

/**
 * Writes synchronously, so that a processed record is reported even if the process is killed right after:
 * before the loop requests the next record, and so before any checkpoint can cover this one.
 */
function send(message: WorkerMessage): void {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written)
    } catch (error) {
      // The pipe is full.
      if (errorCode(error) !== 'EAGAIN') throw error
      sleepSync(1)
    }
  }
}

const neverNotified = new Int32Array(new SharedArrayBuffer(4))

/** Blocks the process, without running the event loop. */
function sleepSync(ms: number): void {
  Atomics.wait(neverNotified, 0, 0, ms)
}

/**
 * Aborts on SIGTERM. SIGINT is ignored: Ctrl-C in the terminal is handled by the demo, which then stops this
 * process. The end of standard input means that the demo has exited.
 */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  process.on('SIGTERM', () => stop.abort())
  process.on('SIGINT', () => {})
  process.stdin.on('end', () => process.exit(exitCodes.failed)).on('error', () => {})
  process.stdin.resume()
  return stop.signal
}
