import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { parseWorkerLog, type WorkerConfig, type WorkerEvent } from './worker-log.ts'

/** A running worker process. */
export interface WorkerProcess {
  /** Resolves when the worker has logged `count` events or has exited. */
  logged(count: number): Promise<void>
  kill(): void
  /**
   * Resolves to the worker's log after it has exited. Rejects if it failed for any reason other than `kill`.
   */
  readonly exited: Promise<readonly WorkerEvent[]>
}

export function startWorker(program: string, config: WorkerConfig, onEvent: () => void): WorkerProcess {
  // A worker that is killed before it starts to log has an empty log.
  writeFileSync(config.logFile, '')
  const child = spawn(process.execPath, [program, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let events = 0
  let errorOutput = ''
  let wake = () => {}
  child.stdout.setEncoding('latin1').on('data', (dots: string) => {
    events += dots.length
    onEvent()
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errorOutput += chunk
  })
  const closed = once(child, 'close').finally(() => wake())
  const exited = closed.then(async () => {
    if (child.signalCode !== 'SIGKILL' && child.exitCode !== 0) {
      throw new Error(`The worker exited with ${child.signalCode ?? child.exitCode}:\n${errorOutput}`)
    }
    return parseWorkerLog(await readFile(config.logFile, 'utf8'))
  })
  exited.catch(() => {})
  return {
    async logged(count) {
      const enough = new Promise<void>((resolve) => {
        wake = () => {
          if (events >= count) resolve()
        }
        wake()
      })
      await Promise.race([enough, closed])
    },
    kill: () => child.kill('SIGKILL'),
    exited,
  }
}
