import { parentPort } from 'node:worker_threads'
import { type Batch, playBatch } from './soak-batch.ts'

// An unhandled rejection ends the worker, and thereby the soak.
parentPort?.on('message', async (batch: Batch) => parentPort?.postMessage(await playBatch(batch)))
parentPort?.postMessage('ready')
