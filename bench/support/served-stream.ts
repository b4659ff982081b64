import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type RecordSize, streamArn } from './sample-records.ts'

/** What the page server serves: closed shards without parents, all with the same records. */
export interface ServedStream {
  readonly streamArn: string
  readonly shards: number
  readonly recordsPerShard: number
  readonly recordSize: RecordSize
  /** The time that the server waits before each response, in ms. */
  readonly latencyMs: number
}

export interface Served {
  readonly stream: ServedStream
  readonly endpoint: string
  stop(): void
}

/** Starts the page server in a separate process. */
export async function serve(stream: Partial<ServedStream>): Promise<Served> {
  const served: ServedStream = {
    streamArn,
    shards: 8,
    recordsPerShard: 10_000,
    recordSize: '1kB',
    latencyMs: 0,
    ...stream,
  }
  const server = startProcess('./page-server.ts', [JSON.stringify(served)])
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  return { stream: served, endpoint: `http://127.0.0.1:${port}`, stop: () => void server.kill('SIGKILL') }
}

/** Runs a TypeScript file of this folder in a child process that can send messages. */
export function startProcess(
  file: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return fork(path, args, {
    execArgv: ['--import', 'tsx', '--no-warnings', ...execArgv],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}
