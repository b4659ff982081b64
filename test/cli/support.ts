import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { runCli } from '../../src/cli/run.ts'
import { StreamEmulator, type StreamEmulatorOptions } from '../../src/testing/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsx = import.meta.resolve('tsx')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** The lines of standard output that are JSON objects. */
  readonly records: readonly PrintedRecord[]
}

export interface PrintedRecord {
  readonly shardId: string
  readonly sequenceNumber: string
  readonly eventName: string
  readonly keys: Record<string, unknown>
  readonly newImage?: Record<string, unknown>
}

export interface Started {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly pid: number
  readonly output: { stdout: string; stderr: string }
  /** Resolves when the output contains the text. Rejects if the process exits without it. */
  seen(where: 'stdout' | 'stderr', text: string | RegExp): Promise<void>
  readonly ended: Promise<Ended>
}

/** Creates an empty folder. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'cli-test-'))
}

/** Creates a named pipe in the folder. */
export function makePipe(folder: string): string {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  return path
}

/** Starts the command as another process, without the AWS settings of this one. */
export function startCli(args: readonly string[], env: Record<string, string> = {}): Started {
  return startProgram(join(root, 'src/cli/main.ts'), args, env)
}

/** Starts the command with a POSIX shell. In `line`, `"$@"` is the command: `exec "$@" > /dev/full`. */
export function startCliInShell(line: string, args: readonly string[]): Started {
  const command = [process.execPath, '--import', tsx, join(root, 'src/cli/main.ts'), ...args]
  return start('/bin/sh', ['-c', line, 'sh', ...command], {}, root)
}

export function startProgram(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd: string = root,
): Started {
  return start(process.execPath, ['--import', tsx, program, ...args], env, cwd)
}

function start(command: string, args: readonly string[], env: Record<string, string>, cwd: string): Started {
  const child = spawn(command, args, {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    // A process that hangs must not outlive its test for long.
    timeout: 60_000,
    killSignal: 'SIGKILL',
    env: {
      PATH: process.env.PATH,
      HOME: temporaryFolder(),
      AWS_EC2_METADATA_DISABLED: 'true',
      NO_COLOR: '1',
      TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'),
      ...env,
    },
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const ended = once(child, 'close').then(([code]) => ({
    code,
    ...output,
    records: parseLines(output.stdout),
  }))
  const seen: Started['seen'] = (where, text) =>
    new Promise((resolve, reject) => {
      const check = () => {
        if (typeof text === 'string' ? output[where].includes(text) : text.test(output[where])) done(resolve)
      }
      const onClose = () =>
        done(() => reject(new Error(`ended without ${text}:\n${output.stdout}${output.stderr}`)))
      const done = (settle: () => void) => {
        child[where].off('data', check)
        child.off('close', onClose)
        settle()
      }
      child[where].on('data', check)
      child.on('close', onClose)
      check()
    })
  return { child, pid: child.pid as number, output, seen, ended }
}

/** Runs the command in this process, which is much faster. */
export async function runHere(args: readonly string[]): Promise<Ended> {
  const output = { stdout: '', stderr: '' }
  const stdout = new Writable({
    write: (chunk, _, callback) => {
      output.stdout += chunk
      callback()
    },
  })
  const code = await runCli(args, {
    stdout,
    log: (line) => {
      output.stderr += `dynamodb-stream-iterator: ${line}\n`
    },
    style: (_, text) => text,
  })
  return { code, ...output, records: parseLines(output.stdout) }
}

export interface ServedEmulator extends AsyncDisposable {
  readonly emulator: StreamEmulator
  readonly endpoint: string
  /** The options of the command that select this emulator. */
  readonly source: readonly string[]
}

export async function serveEmulator(options: StreamEmulatorOptions = {}): Promise<ServedEmulator> {
  const emulator = new StreamEmulator({ tableName: 'orders', ...options })
  const server = await emulator.listen()
  return {
    emulator,
    endpoint: server.url,
    source: ['--table', 'orders', '--endpoint', server.url],
    [Symbol.asyncDispose]: () => server.close(),
  }
}

function parseLines(text: string): PrintedRecord[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'))
  return lines.map((line) => JSON.parse(line))
}
