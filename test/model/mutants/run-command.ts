import { spawn } from 'node:child_process'

export interface CommandResult {
  readonly status: number | null
  readonly output: string
  readonly hasTimedOut: boolean
  readonly tookMs: number
}

/** The output that is kept, in characters: enough to find the failure, however much a mutant prints. */
const MAX_OUTPUT_LENGTH = 1_000_000

/** Runs Node with these arguments in a folder, and kills it with all of its children after `limitMs`. */
export function runNode(args: readonly string[], cwd: string, limitMs: number): Promise<CommandResult> {
  const startedAt = performance.now()
  // Detached, and thus in a separate process group, so that its children can be killed with it.
  const child = spawn(process.execPath, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  let output = ''
  const keep = (chunk: Buffer): void => {
    if (output.length < MAX_OUTPUT_LENGTH) output += chunk.toString()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // Before other listeners, one of which removes the folder.
  process.prependOnceListener('exit', kill)
  return new Promise((resolve, reject) => {
    let hasTimedOut = false
    const timer = setTimeout(() => {
      hasTimedOut = true
      kill()
    }, limitMs)
    child.on('error', reject)
    child.on('close', (status) => {
      clearTimeout(timer)
      process.off('exit', kill)
      resolve({ status, output, hasTimedOut, tookMs: performance.now() - startedAt })
    })
  })
}
