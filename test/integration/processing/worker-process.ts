import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { parseWorkerLog, type WorkerEvent } from './worker-log.ts'

/** How a worker process has ended. */
export interface WorkerExit<Event = WorkerEvent> {
  readonly events: readonly Event[]
  /** The signal that ended it, or its exit code. */
  readonly by: NodeJS.Signals | number | null
  readonly errorOutput: string
}

/** A running worker process. */
export interface WorkerProcess<Event = WorkerEvent> {
  /** Resolves when the worker has logged `count` events or has exited. */
  logged(count: number): Promise<void>
  /** Resolves when the worker has written this mark or has exited. */
  marked(mark: string): Promise<void>
  kill(): void
  /** Continues the process after a SIGSTOP. */
  resume(): void
  readonly exited: Promise<WorkerExit<Event>>
}

/** @param onSettled - called when the worker has logged that records need no further attempt. */
export function startWorker<Event = WorkerEvent>(
  program: string,
  config: { readonly logFile: string },
  onSettled: (count: number) => void = () => {},
): WorkerProcess<Event> {
  // A worker that is killed before it starts to log has an empty log.
  writeFileSync(config.logFile, '')
  const child = spawn(process.execPath, [program, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  })
  let marks = ''
  let errorOutput = ''
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const check of waiting) check()
  }
  child.stdout.setEncoding('latin1').on('data', (added: string) => {
    marks += added
    onSettled(added.split('+').length - 1)
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errorOutput += chunk
  })
  const closed = once(child, 'close')
  const exited = closed.then(async () => ({
    events: parseWorkerLog<Event>(await readFile(config.logFile, 'utf8')),
    by: child.signalCode ?? child.exitCode,
    errorOutput,
  }))
  exited.catch(() => {})
  const until = async (isReached: () => boolean) => {
    let check = () => {}
    const reached = new Promise<void>((resolve) => {
      check = () => {
        if (isReached()) resolve()
      }
    })
    waiting.add(check)
    check()
    await Promise.race([reached, closed])
    waiting.delete(check)
  }
  return {
    logged: (count) => until(() => marks.length >= count),
    marked: (mark) => until(() => marks.includes(mark)),
    kill: () => child.kill('SIGKILL'),
    resume: () => child.kill('SIGCONT'),
    exited,
  }
}
