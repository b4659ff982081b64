// Leaves streams that are read with the SDK's client over sockets, in many states, and tells what is left of each. It ends
// by itself only if nothing of it is left.
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
// For clients that are made from the environment, by the library.
process.env.AWS_ENDPOINT_URL = server.url
process.env.AWS_REGION = 'us-east-1'
process.env.AWS_ACCESS_KEY_ID = 'test'
process.env.AWS_SECRET_ACCESS_KEY = 'test'

/** Timers, sockets and the like, by kind. */
const resources = () => process.getActiveResourcesInfo().sort().join(' ')

/** Sockets need some turns of the event loop to close. */
async function settle(wanted: string): Promise<string> {
  for (let turn = 0; turn < 1_000 && resources() !== wanted; turn++) await new Promise(setImmediate)
  return resources()
}

/** Has the next call of that name hang, and resolves when it does. */
function hanging(
  call: 'DescribeStream' | 'GetShardIterator' | 'GetRecords' | 'DescribeTable',
): Promise<void> {
  return new Promise((resolve) => {
    const lift = emulator.on(call, ALWAYS, () => {
      resolve()
      return { hang: true }
    })
    lifts.push(lift)
  })
}
let lifts: (() => void)[] = []

interface Clients {
  readonly client?: DynamoDBStreamsClient
  readonly tableClient?: DynamoDBClient
}

const { streamArn, tableName } = emulator
const open = (clients: Clients, more: object = {}) =>
  openStream({
    streamArn,
    client: clients.client,
    checkpoint: { store: memoryCheckpointStore(), name: 'worker' },
    ...more,
  })

const states: Record<string, (clients: Clients) => Promise<unknown>> = {
  async 'close with nothing under way'(clients) {
    const stream = await open(clients)
    await stream.close()
  },
  async 'close after a loop that was left'(clients) {
    await using stream = await open(clients)
    for await (const _ of stream) break
  },
  async 'close during a read that hangs'(clients) {
    const stream = await open(clients)
    const hangs = hanging('GetRecords')
    const reading = stream[Symbol.asyncIterator]().next()
    await hangs
    await stream.close()
    return await reading
  },
  async 'abort during a read that hangs'(clients) {
    const controller = new AbortController()
    const stream = await open(clients, { signal: controller.signal })
    const hangs = hanging('GetRecords')
    const reading = stream[Symbol.asyncIterator]().next()
    await hangs
    controller.abort()
    return await reading
  },
  async 'close during a moveTo that hangs'(clients) {
    const stream = await open(clients)
    const hangs = hanging('DescribeStream')
    const moving = stream.moveTo('latest').catch((error: { code: string }) => error.code)
    await hangs
    await stream.close()
    return await moving
  },
  async 'abort while openStream opens shards'(clients) {
    const controller = new AbortController()
    const hangs = hanging('GetShardIterator')
    const opening = open(clients, { startAt: 'latest', signal: controller.signal }).catch(String)
    await hangs
    controller.abort('enough')
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
    const hangs = hanging('GetRecords')
    const reading = coordinator.next().catch((error: { code: string }) => error.code)
    await hangs
    await coordinator.close()
    return await reading
  },
}

/** The user's clients are the user's to end; those that the library made itself end with the stream. */
async function leave(kind: 'own' | 'made', state: (clients: Clients) => Promise<unknown>): Promise<unknown> {
  if (kind === 'made') return state({})
  const clients = { client: new DynamoDBStreamsClient(), tableClient: new DynamoDBClient() }
  try {
    return await state(clients)
  } finally {
    clients.client.destroy()
    clients.tableClient.destroy()
  }
}

for (const kind of ['own', 'made'] as const) {
  for (const [name, state] of Object.entries(states)) {
    const before = resources()
    const end = await leave(kind, state)
    for (const lift of lifts) lift()
    lifts = []
    console.log(JSON.stringify({ kind, name, end, before, after: await settle(before), unhandled }))
  }
}
await server.close()
