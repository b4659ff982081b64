import { parentPort } from 'node:worker_threads'
import { type Batch, playBatch } from './soak-batch.ts'

// What a rejection leaves unhandled ends the worker, and with it the soak.
parentPort?.on('message', async (batch: Batch) => parentPort?.postMessage(await playBatch(batch)))
parentPort?.postMessage('ready')
