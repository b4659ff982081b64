// Closes streams that are read with the SDK's client over sockets, in many states, and reports the active
// resources before and after each. The process exits by itself only if no timer or socket is left.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { Coordinator, memoryCheckpointStore, openStream } from '../../../src/index.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'

const ALWAYS = { times: Number.POSITIVE_INFINITY }
const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(String(reason)))

const emulator = new StreamEmulator()
for (let n = 0; n < 50; n++) emulator.put({ id: `item-${n}` })
const server = await emulator.listen()
// For clients that the library creates from the environment.
process.env.AWS_ENDPOINT_URL = server.url
process.env.AWS_REGION = 'us-east-1'
process.env.AWS_ACCESS_KEY_ID = 'test'
process.env.AWS_SECRET_ACCESS_KEY = 'test'

/** Returns the active timers, sockets and other resources, by type. */
const resources = () => process.getActiveResourcesInfo().sort().join(' ')

/** Waits until the active resources are as expected: sockets need some turns of the event loop to close. */
async function settle(expected: string): Promise<string> {
  for (let turn = 0; turn < 1_000 && resources() !== expected; turn++) await new Promise(setImmediate)
  return resources()
}

/** Makes calls of this operation hang, and resolves when the first one does. */
function hangCalls(
  call: 'DescribeStream' | 'GetShardIterator' | 'GetRecords' | 'DescribeTable',
): Promise<void> {
  return new Promise((resolve) => {
    const removeFault = emulator.on(call, ALWAYS, () => {
      resolve()
      return { hang: true }
    })
    faultRemovals.push(removeFault)
  })
}
let faultRemovals: (() => void)[] = []

interface Clients {
  readonly client?: DynamoDBStreamsClient
  readonly tableClient?: DynamoDBClient
}

const { streamArn, tableName } = emulator
const open = (clients: Clients, overrides: object = {}) =>
  openStream({
    streamArn,
    client: clients.client,
    checkpoint: { store: memoryCheckpointStore(), name: 'worker' },
    ...overrides,
  })

const states: Record<string, (clients: Clients) => Promise<unknown>> = {
  async 'close with nothing in flight'(clients) {
    const stream = await open(clients)
    await stream.close()
  },
  async 'close after a loop that was left'(clients) {
    await using stream = await open(clients)
    for await (const _ of stream) break
  },
  async 'close during a read that hangs'(clients) {
    const stream = await open(clients)
    const hangs = hangCalls('GetRecords')
    const reading = stream[Symbol.asyncIterator]().next()
    await hangs
    await stream.close()
    return await reading
  },
  async 'abort during a read that hangs'(clients) {
    const controller = new AbortController()
    const stream = await open(clients, { signal: controller.signal })
    const hangs = hangCalls('GetRecords')
    const reading = stream[Symbol.asyncIterator]().next()
    await hangs
    controller.abort()
    return await reading
  },
  async 'close during a moveTo that hangs'(clients) {
    const stream = await open(clients)
    const hangs = hangCalls('DescribeStream')
    const moving = stream.moveTo('latest').catch((error: { code: string }) => error.code)
    await hangs
    await stream.close()
    return await moving
  },
  async 'abort while openStream opens shards'(clients) {
    const controller = new AbortController()
    const hangs = hangCalls('GetShardIterator')
    const opening = open(clients, { startAt: 'latest', signal: controller.signal }).catch(String)
    await hangs
    controller.abort('aborted by the test')
    return await opening
  },
  async 'close while a table is followed'(clients) {
    const stream = await open(clients, {
      streamArn: undefined,
      tableName,
      tableClient: clients.tableClient,
      followTable: true,
    })
    for await (const _ of stream) break
    await stream.close()
  },
  async 'close of a Coordinator during next'({ client }) {
    const coordinator = new Coordinator({ streamArn, client })
    await coordinator.moveTo('latest')
    const hangs = hangCalls('GetRecords')
    const reading = coordinator.next().catch((error: { code: string }) => error.code)
    await hangs
    await coordinator.close()
    return await reading
  },
}

/** Runs a state, and destroys the clients that the caller has created. The library destroys its own. */
async function run(
  owner: 'caller' | 'library',
  state: (clients: Clients) => Promise<unknown>,
): Promise<unknown> {
  if (owner === 'library') return state({})
  const clients = { client: new DynamoDBStreamsClient(), tableClient: new DynamoDBClient() }
  try {
    return await state(clients)
  } finally {
    clients.client.destroy()
    clients.tableClient.destroy()
  }
}

for (const owner of ['caller', 'library'] as const) {
  for (const [name, state] of Object.entries(states)) {
    const before = resources()
    const end = await run(owner, state)
    for (const removeFault of faultRemovals) removeFault()
    faultRemovals = []
    console.log(JSON.stringify({ clients: owner, name, end, before, after: await settle(before), unhandled }))
  }
}
await server.close()
