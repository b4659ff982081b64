import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { StreamToken } from '../../position/token.ts'

/** The argument of the worker process. */
export interface WorkerTask {
  readonly endpoint: string
  readonly tableName: string
  /** The folder of the checkpoint. */
  readonly folder: string
}

/** The name of the worker's checkpoint. */
export const checkpointName = 'demo-worker'

/** A message from the worker, sent as one line of JSON on its standard output. */
export type WorkerMessage =
  /** A record was processed: shard, sequence number, order, version. */
  | { readonly record: readonly [string, string, string, number] }
  | { readonly opened: string; readonly parentId: string | null }
  | { readonly finished: string }
  /** A checkpoint was saved. */
  | { readonly checkpoint: StreamToken }

export interface WorkerProcess {
  readonly pid: number
  /** Resolves when the process has exited and all of its messages have been received. */
  readonly exited: Promise<WorkerExit>
  kill(signal: 'SIGKILL' | 'SIGTERM'): void
}

export interface WorkerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last 2,000 characters of standard error. */
  readonly errors: string
}

/** Starts the worker: this program, in another process. */
export function startWorker(task: WorkerTask, onMessage: (message: WorkerMessage) => void): WorkerProcess {
  const program = process.argv[1] ?? ''
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(
    process.execPath,
    [...process.execArgv, program, 'demo-worker', JSON.stringify(task)],
    // The worker exits when its standard input ends, which happens even if the demo is killed.
    { stdio: ['pipe', 'pipe', 'pipe'] },
  )
  child.stdin.on('error', () => {})
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000)
  })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    // The last line of a killed process can be truncated. Its record does not count as processed, and is
    // redelivered.
    const message = parseMessage(line)
    if (message) onMessage(message)
  })
  const received = new Promise<void>((resolve) => lines.once('close', resolve))
  const exited = new Promise<WorkerExit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => void received.then(() => resolve({ code, signal, errors })))
  })
  return { pid: child.pid ?? 0, exited, kill: (signal) => void child.kill(signal) }
}

function parseMessage(line: string): WorkerMessage | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
