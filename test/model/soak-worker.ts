import { parentPort } from 'node:worker_threads'
import { type Batch, playBatch } from './soak-batch.ts'

// If `playBatch` rejects, the rejection is unhandled, which ends the worker and the soak.
parentPort?.on('message', async (batch: Batch) => parentPort?.postMessage(await playBatch(batch)))
parentPort?.postMessage('ready')
