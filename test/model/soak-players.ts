import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Batch, Outcome } from './soak-batch.ts'

/** Runs batches in a worker thread, one at a time. */
export interface Player {
  play(batch: Batch): Promise<Outcome>
  close(): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const entry = fileURLToPath(import.meta.resolve('./soak-worker.ts'))

/**
 * Starts `count` players. They run a bundle that Vite builds from the sources: tsx preserves function names
 * by an extra call wherever a function is created, which would take a tenth of the time.
 */
export async function startPlayers(count: number): Promise<Player[]> {
  await mkdir(join(root, '.soak'), { recursive: true })
  const folder = await mkdtemp(join(root, '.soak', 'bundle-'))
  try {
    const file = await bundle(folder)
    return await Promise.all(Array.from({ length: count }, () => startPlayer(file)))
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function bundle(folder: string): Promise<string> {
  const { build } = await import('vite')
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: { ssr: entry, outDir: folder, minify: false, target: 'node20' },
  })
  return join(folder, 'soak-worker.js')
}

async function startPlayer(file: string): Promise<Player> {
  const worker = new Worker(file, { execArgv: [] })
  await once(worker, 'message')
  return {
    play: async (batch) => {
      const reply = once(worker, 'message')
      worker.postMessage(batch)
      const [outcome] = await reply
      return outcome
    },
    close: async () => void (await worker.terminate()),
  }
}
