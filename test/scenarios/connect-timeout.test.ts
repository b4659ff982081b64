import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { expect, it } from 'vitest'
import { type OpenStreamOptions, openStream, type StreamsApi } from '../../src/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'

const noRoute = (): Error =>
  Object.assign(new Error('getaddrinfo ENOTFOUND streams.dynamodb.eu-wset-1.amazonaws.com'), {
    code: 'ENOTFOUND',
  })

/** Calls fail in the network for the first `untilMs`. */
function unreachable(api: StreamsApi, now: () => number, untilMs: number): StreamsApi {
  const fails = () => now() < untilMs
  return {
    listShards: async (input, signal) =>
      fails() ? Promise.reject(noRoute()) : api.listShards(input, signal),
    openIterator: (input, signal) => api.openIterator(input, signal),
    readRecords: (input, signal) => api.readRecords(input, signal),
  }
}

/** When `openStream` settles, and how; after five minutes at the latest. */
async function settled(
  { clock, emulator }: ReturnType<typeof emulatedTable>,
  options: Partial<OpenStreamOptions>,
): Promise<{ atMs: number; error: unknown } | 'opening'> {
  let end: { atMs: number; error: unknown } | undefined
  const begin = clock.monotonic()
  const settle = (error: unknown) => {
    end ??= { atMs: clock.monotonic() - begin, error }
  }
  const common = { client: emulator.api, clock, random: () => 0.5 }
  const source = options.tableName === undefined ? { streamArn: emulator.streamArn } : {}
  const opening = openStream({ ...common, ...source, ...options })
  opening.then((stream) => {
    settle(undefined)
    return stream.close()
  }, settle)
  await clock.advance(300_000)
  return end ?? 'opening'
}

it('openStream gives up after 30 s when the service never answers, with the error of the network', async () => {
  const world = emulatedTable()
  const { clock, emulator } = world
  const client = unreachable(emulator.api, () => clock.monotonic(), Number.POSITIVE_INFINITY)
  const end = await settled(world, { client })
  expect(end).toMatchObject({
    atMs: 30_000,
    error: {
      code: 'service.unreachable',
      message: expect.stringContaining(
        'DynamoDB Streams within 30 s: getaddrinfo ENOTFOUND streams.dynamodb.',
      ),
      details: { timeoutMs: 30_000 },
      cause: { code: 'ENOTFOUND' },
    },
  })
  expect(clock.untilNextTimer).toBeUndefined()
})

it('openStream gives up when the service accepts the call and is silent', async () => {
  const world = emulatedTable()
  world.emulator.on('DescribeStream', { times: Infinity }, { hang: true })
  const end = await settled(world, { connectTimeoutMs: 5_000 })
  expect(end).toMatchObject({ atMs: 5_000, error: { code: 'service.unreachable' } })
})

it('openStream gives up when the table cannot be reached', async () => {
  const world = emulatedTable()
  const requestHandler = { handle: () => Promise.reject(noRoute()) }
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const tableClient = new DynamoDBClient({ region: 'eu-west-1', credentials, requestHandler, maxAttempts: 1 })
  const end = await settled(world, { tableName: 'orders', tableClient })
  expect(end).toMatchObject({
    atMs: 30_000,
    error: { code: 'service.unreachable', message: expect.stringContaining('from DynamoDB within') },
  })
})

it('openStream gives up when the checkpoint store is silent', async () => {
  const store = { load: () => new Promise<never>(() => {}), save: async () => {} }
  const end = await settled(emulatedTable(), { checkpoint: { store, name: 'worker' } })
  expect(end).toMatchObject({
    atMs: 30_000,
    error: { code: 'service.unreachable', message: expect.stringContaining('the checkpoint store') },
  })
})

it('openStream goes on trying for as long as it takes with connectTimeoutMs: 0', async () => {
  const world = emulatedTable()
  const { clock, emulator } = world
  const client = unreachable(emulator.api, () => clock.monotonic(), 200_000)
  const end = await settled(world, { client, connectTimeoutMs: 0 })
  expect(end).toMatchObject({ error: undefined })
  expect((end as { atMs: number }).atMs).toBeGreaterThanOrEqual(200_000)
})

it('openStream goes on trying when the service has answered with an error', async () => {
  const world = emulatedTable()
  const { clock, emulator } = world
  let failing = true
  clock.setTimer(120_000, () => {
    failing = false
  })
  emulator.on('DescribeStream', { times: Infinity }, () =>
    failing ? { fail: 'InternalServerError' } : undefined,
  )
  const end = await settled(world, {})
  expect(end).toMatchObject({ error: undefined })
  expect((end as { atMs: number }).atMs).toBeGreaterThanOrEqual(120_000)
})

it('openStream may take longer than connectTimeoutMs once there was an answer', async () => {
  const world = emulatedTable({ shards: 2 })
  world.emulator.on('GetShardIterator', { times: Infinity }, { delayMs: 20_000 })
  const end = await settled(world, { startAt: 'latest', connectTimeoutMs: 1_000 })
  expect(end).toMatchObject({ error: undefined })
  expect((end as { atMs: number }).atMs).toBeGreaterThan(1_000)
})

it('openStream does not take a suspension of the process for silence', async () => {
  const world = emulatedTable()
  world.emulator.on('DescribeStream', { times: 1 }, { delayMs: 60_200 })
  // In the midst of the call; the time of it is up before its answer is read.
  world.clock.setTimer(100, () => world.clock.suspend(60_000))
  expect(await settled(world, {})).toMatchObject({ error: undefined })
})

it('an error that the service has in its model is an answer, also of a mock that gives no status', async () => {
  const world = emulatedTable()
  const { clock, emulator } = world
  const throttled = () =>
    Object.assign(new Error('slow down'), { name: 'ThrottlingException', $fault: 'client' })
  const client: StreamsApi = {
    ...unreachable(emulator.api, () => clock.monotonic(), 0),
    listShards: async (input, signal) =>
      clock.monotonic() < 60_000 ? Promise.reject(throttled()) : emulator.api.listShards(input, signal),
  }
  expect(await settled(world, { client })).toMatchObject({ error: undefined })
})
