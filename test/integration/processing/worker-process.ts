import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { parseWorkerLog, type WorkerConfig, type WorkerEvent } from './worker-log.ts'

/** How a worker process has ended. */
export interface WorkerExit {
  readonly events: readonly WorkerEvent[]
  /** The signal that ended it, or its exit code. */
  readonly by: NodeJS.Signals | number | null
  readonly errorOutput: string
}

/** A running worker process. */
export interface WorkerProcess {
  /** Resolves when the worker has logged `count` events or has exited. */
  logged(count: number): Promise<void>
  kill(): void
  readonly exited: Promise<WorkerExit>
}

/** @param onSettled - called when the worker has logged that records need no further attempt. */
export function startWorker(
  program: string,
  config: WorkerConfig,
  onSettled: (count: number) => void = () => {},
): WorkerProcess {
  // A worker that is killed before it starts to log has an empty log.
  writeFileSync(config.logFile, '')
  const child = spawn(process.execPath, [program, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  })
  let events = 0
  let errorOutput = ''
  let wake = () => {}
  child.stdout.setEncoding('latin1').on('data', (marks: string) => {
    events += marks.length
    onSettled(marks.replaceAll('.', '').length)
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errorOutput += chunk
  })
  const closed = once(child, 'close').finally(() => wake())
  const exited = closed.then(async () => ({
    events: parseWorkerLog(await readFile(config.logFile, 'utf8')),
    by: child.signalCode ?? child.exitCode,
    errorOutput,
  }))
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
