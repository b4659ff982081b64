import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { WorkerReport, WorkerTask } from './reports.ts'

/** The worker, running. */
export interface WorkerProcess {
  readonly pid: number
  /** Resolves when it is gone and everything that it told was heard. */
  readonly gone: Promise<Ending>
  kill(signal: 'SIGKILL' | 'SIGTERM'): void
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of what it wrote to standard error. */
  readonly errors: string
}

/** Starts the worker: this program, in another process. */
export function startWorker(task: WorkerTask, onReport: (report: WorkerReport) => void): WorkerProcess {
  const program = process.argv[1] ?? ''
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(
    process.execPath,
    [...process.execArgv, program, 'demo-worker', JSON.stringify(task)],
    // The end of standard input tells it that the demo is gone, however that ended.
    { stdio: ['pipe', 'pipe', 'pipe'] },
  )
  child.stdin.on('error', () => {})
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000)
  })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    // The last line of a killed process may be cut off: that record was not told, and will come again.
    const report = parseReport(line)
    if (report) onReport(report)
  })
  const heard = new Promise<void>((resolve) => lines.once('close', resolve))
  const gone = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => void heard.then(() => resolve({ code, signal, errors })))
  })
  return { pid: child.pid ?? 0, gone, kill: (signal) => void child.kill(signal) }
}

function parseReport(line: string): WorkerReport | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
