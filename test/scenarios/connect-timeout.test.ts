import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { expect, it } from 'vitest'
import { type OpenStreamOptions, openStream, type StreamsApi } from '../../src/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'

const noRoute = (): Error =>
  Object.assign(new Error('getaddrinfo ENOTFOUND streams.dynamodb.eu-wset-1.amazonaws.com'), {
    code: 'ENOTFOUND',
  })

/** Listings fail with a network error until the time `untilMs`. */
function unreachable(api: StreamsApi, now: () => number, untilMs: number): StreamsApi {
  const fails = () => now() < untilMs
  return {
    listShards: async (input, signal) =>
      fails() ? Promise.reject(noRoute()) : api.listShards(input, signal),
    openIterator: (input, signal) => api.openIterator(input, signal),
    readRecords: (input, signal) => api.readRecords(input, signal),
  }
}

/** How `openStream()` settles within five minutes, and after how many milliseconds. */
async function outcome(
  { clock, emulator }: ReturnType<typeof emulatedTable>,
  options: Partial<OpenStreamOptions>,
): Promise<{ atMs: number; error: unknown } | 'opening'> {
  let end: { atMs: number; error: unknown } | undefined
  const start = clock.monotonic()
  const settle = (error: unknown) => {
    end ??= { atMs: clock.monotonic() - start, error }
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

it('openStream() gives up after 30 s when the service never responds, with the network error as the cause', async () => {
  const table = emulatedTable()
  const { clock, emulator } = table
  const client = unreachable(emulator.api, () => clock.monotonic(), Number.POSITIVE_INFINITY)
  const end = await outcome(table, { client })
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

it('openStream() gives up when the service accepts the call and never responds', async () => {
  const table = emulatedTable()
  table.emulator.on('DescribeStream', { times: Infinity }, { hang: true })
  const end = await outcome(table, { connectTimeoutMs: 5_000 })
  expect(end).toMatchObject({ atMs: 5_000, error: { code: 'service.unreachable' } })
})

it('openStream() gives up when DynamoDB cannot be reached to look up the table', async () => {
  const table = emulatedTable()
  const requestHandler = { handle: () => Promise.reject(noRoute()) }
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const tableClient = new DynamoDBClient({ region: 'eu-west-1', credentials, requestHandler, maxAttempts: 1 })
  const end = await outcome(table, { tableName: 'orders', tableClient })
  expect(end).toMatchObject({
    atMs: 30_000,
    error: { code: 'service.unreachable', message: expect.stringContaining('from DynamoDB within') },
  })
})

it('openStream() gives up when the checkpoint store never responds', async () => {
  const store = { load: () => new Promise<never>(() => {}), save: async () => {} }
  const end = await outcome(emulatedTable(), { checkpoint: { store, name: 'worker' } })
  expect(end).toMatchObject({
    atMs: 30_000,
    error: { code: 'service.unreachable', message: expect.stringContaining('the checkpoint store') },
  })
})

it('openStream() retries indefinitely with connectTimeoutMs: 0', async () => {
  const table = emulatedTable()
  const { clock, emulator } = table
  const client = unreachable(emulator.api, () => clock.monotonic(), 200_000)
  const end = await outcome(table, { client, connectTimeoutMs: 0 })
  expect(end).toMatchObject({ error: undefined })
  expect((end as { atMs: number }).atMs).toBeGreaterThanOrEqual(200_000)
})

it('openStream() keeps retrying when the service has responded with an error', async () => {
  const table = emulatedTable()
  const { clock, emulator } = table
  let failing = true
  clock.setTimer(120_000, () => {
    failing = false
  })
  emulator.on('DescribeStream', { times: Infinity }, () =>
    failing ? { fail: 'InternalServerError' } : undefined,
  )
  const end = await outcome(table, {})
  expect(end).toMatchObject({ error: undefined })
  expect((end as { atMs: number }).atMs).toBeGreaterThanOrEqual(120_000)
})

it('openStream() may take longer than connectTimeoutMs once the service has responded', async () => {
  const table = emulatedTable({ shards: 2 })
  table.emulator.on('GetShardIterator', { times: Infinity }, { delayMs: 20_000 })
  const end = await outcome(table, { startAt: 'latest', connectTimeoutMs: 1_000 })
  expect(end).toMatchObject({ error: undefined })
  expect((end as { atMs: number }).atMs).toBeGreaterThan(1_000)
})

it('openStream() does not mistake a suspension of the process for an unresponsive service', async () => {
  const table = emulatedTable()
  table.emulator.on('DescribeStream', { times: 1 }, { delayMs: 60_200 })
  // The suspension starts in the middle of the call, whose timeout expires before its response is read.
  table.clock.setTimer(100, () => table.clock.suspend(60_000))
  expect(await outcome(table, {})).toMatchObject({ error: undefined })
})

it('a modeled service error counts as a response to openStream(), even from a mock that sets no HTTP status', async () => {
  const table = emulatedTable()
  const { clock, emulator } = table
  const throttled = () =>
    Object.assign(new Error('slow down'), { name: 'ThrottlingException', $fault: 'client' })
  const client: StreamsApi = {
    ...unreachable(emulator.api, () => clock.monotonic(), 0),
    listShards: async (input, signal) =>
      clock.monotonic() < 60_000 ? Promise.reject(throttled()) : emulator.api.listShards(input, signal),
  }
  expect(await outcome(table, { client })).toMatchObject({ error: undefined })
})

it('openStream() gives up when a web server responds in place of DynamoDB', async () => {
  const table = emulatedTable()
  const { emulator } = table
  emulator.on('DescribeStream', { times: Number.POSITIVE_INFINITY }, { body: 'html', statusCode: 502 })
  const client = emulator.client()
  const end = await outcome(table, { client })
  client.destroy()
  expect(end).toMatchObject({
    error: {
      code: 'service.unreachable',
      message: expect.stringContaining('the endpoint responds with HTTP 502, but not as DynamoDB does'),
    },
  })
})
