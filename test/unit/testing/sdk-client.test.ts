import {
  DeleteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  PutItemCommand,
  type PutItemCommandInput,
} from '@aws-sdk/client-dynamodb'
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  DynamoDBStreamsServiceException,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  InternalServerError,
  LimitExceededException,
  ListStreamsCommand,
  ResourceNotFoundException,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmulatorServer, ManualClock, StreamEmulator } from '../../../src/testing/index.ts'
import { root, setUp, write } from './helpers.ts'

const everyType = {
  id: 'a',
  text: 'ü€😀 "quoted"\n',
  empty: '',
  number: -1.5,
  big: 12345678901234567890n,
  yes: true,
  nothing: null,
  bytes: new Uint8Array([0, 127, 128, 255]),
  noBytes: new Uint8Array(),
  strings: new Set(['x', 'y']),
  numbers: new Set([1, 2.5]),
  binaries: new Set([new Uint8Array([1]), new Uint8Array([2, 3])]),
  list: [1, 'two', { three: [new Uint8Array([3])] }],
  map: { deep: { deeper: { flag: false } } },
}

/** Both transports: within this process, and over HTTP. */
describe.each(['in process', 'over HTTP'])('SDK client, %s', (transport) => {
  let clock: ManualClock
  let emulator: StreamEmulator
  let server: EmulatorServer | undefined
  let streams: DynamoDBStreamsClient
  let table: DynamoDBClient

  beforeEach(async () => {
    ;({ clock, emulator } = setUp())
    if (transport === 'in process') {
      streams = emulator.client()
      table = emulator.tableClient()
      return
    }
    server = await emulator.listen()
    const config = {
      endpoint: server.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      maxAttempts: 1,
    }
    streams = new DynamoDBStreamsClient(config)
    table = new DynamoDBClient(config)
  })

  afterEach(async () => {
    streams.destroy()
    table.destroy()
    await server?.close()
  })

  const open = async () => {
    const { shardId } = root(emulator)
    const { ShardIterator } = await streams.send(
      new GetShardIteratorCommand({
        StreamArn: emulator.streamArn,
        ShardId: shardId,
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    )
    return ShardIterator
  }

  const readAll = async () =>
    (await streams.send(new GetRecordsCommand({ ShardIterator: await open() }))).Records ?? []

  test('the SDK client receives every attribute type as written, in records equal to emulator.records', async () => {
    emulator.put(everyType)
    emulator.put({ id: 'a' })
    emulator.remove({ id: 'a' }, { ttl: true })
    const records = await readAll()
    expect(records).toEqual(emulator.records.map(({ raw }) => raw))
    expect(unmarshall(records[0]?.dynamodb?.NewImage ?? {})).toEqual({
      ...everyType,
      big: 12345678901234567890n,
    })
    expect(records[1]?.dynamodb?.OldImage).toEqual(records[0]?.dynamodb?.NewImage)
    expect(records[2]?.userIdentity).toEqual({ Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' })
  })

  test('the SDK client receives a Buffer as bytes', async () => {
    emulator.put({ id: 'a', bytes: Buffer.from('hello') })
    const [record] = await readAll()
    expect(Buffer.from(record?.dynamodb?.NewImage?.bytes?.B ?? []).toString()).toBe('hello')
  })

  test('the SDK client can describe the stream, its shards and the children of a shard', async () => {
    const parent = root(emulator)
    const children = emulator.split()
    const { StreamDescription } = await streams.send(
      new DescribeStreamCommand({ StreamArn: emulator.streamArn, Limit: 2 }),
    )
    expect(StreamDescription).toMatchObject({
      StreamArn: emulator.streamArn,
      StreamLabel: '2026-01-01T00:00:00.000',
      StreamStatus: 'ENABLED',
      StreamViewType: 'NEW_AND_OLD_IMAGES',
      CreationRequestDateTime: new Date(Date.UTC(2026, 0, 1)),
      TableName: 'table',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    })
    expect(StreamDescription?.Shards).toHaveLength(2)
    expect(StreamDescription?.LastEvaluatedShardId).toBe(StreamDescription?.Shards?.[1]?.ShardId)
    const filtered = await streams.send(
      new DescribeStreamCommand({
        StreamArn: emulator.streamArn,
        ShardFilter: { Type: 'CHILD_SHARDS', ShardId: parent.shardId },
      }),
    )
    expect(filtered.StreamDescription?.Shards?.map(({ ShardId }) => ShardId).sort()).toEqual(
      children.map(({ shardId }) => shardId).sort(),
    )
    expect(filtered.StreamDescription?.Shards?.[0]?.ParentShardId).toBe(parent.shardId)
  })

  test.each([
    ['ExpiredIteratorException', ExpiredIteratorException],
    ['TrimmedDataAccessException', TrimmedDataAccessException],
    ['ResourceNotFoundException', ResourceNotFoundException],
    ['LimitExceededException', LimitExceededException],
    ['InternalServerError', InternalServerError],
  ])(
    'the error %s is an instance of its SDK class, in the SDK client and in emulator.api',
    async (fail, errorClass) => {
      const signal = new AbortController().signal
      emulator.on('DescribeStream', { times: 2 }, { fail, message: 'a message' })
      const { streamArn } = emulator
      const error = await streams
        .send(new DescribeStreamCommand({ StreamArn: streamArn }))
        .catch((thrown) => thrown)
      const direct = await emulator.api.listShards({ streamArn }, signal).catch((thrown) => thrown)
      for (const thrown of [error, direct]) {
        expect(thrown).toBeInstanceOf(errorClass)
        expect(thrown).toMatchObject({ name: fail, message: 'a message', $fault: error.$fault })
      }
      expect(direct.$metadata.httpStatusCode).toBe(error.$metadata.httpStatusCode)
    },
  )

  test.each([
    ['ThrottlingException', 400],
    ['ValidationException', 400],
    ['AccessDeniedException', 400],
    ['ExpiredTokenException', 400],
    ['UnrecognizedClientException', 400],
    ['InternalFailure', 500],
    ['ServiceUnavailable', 503],
  ])('the error %s, which has no SDK class, has its name and the status %i', async (fail, status) => {
    const signal = new AbortController().signal
    emulator.on('DescribeStream', { times: 2 }, { fail, message: '' })
    const { streamArn } = emulator
    const error = await streams
      .send(new DescribeStreamCommand({ StreamArn: streamArn }))
      .catch((thrown) => thrown)
    const direct = await emulator.api.listShards({ streamArn }, signal).catch((thrown) => thrown)
    for (const thrown of [error, direct]) {
      expect(thrown).toBeInstanceOf(DynamoDBStreamsServiceException)
      expect(thrown).toMatchObject({ name: fail, message: error.message, $fault: error.$fault })
      expect(thrown.$metadata.httpStatusCode).toBe(status)
    }
  })

  test('a connection reset has the error name that the SDK retries', async () => {
    emulator.on('ListStreams', { times: 2 }, { reset: 'before' })
    const call = streams.send(new ListStreamsCommand({}))
    await expect(call).rejects.toMatchObject({ name: 'TimeoutError', code: 'ECONNRESET' })
  })

  test.each(['truncated', 'html'] as const)(
    'the SDK client fails to parse a response with the body fault %s',
    async (body) => {
      write(emulator, 3)
      const iterator = await open()
      emulator.on('GetRecords', {}, { body })
      await expect(streams.send(new GetRecordsCommand({ ShardIterator: iterator }))).rejects.toThrow(
        'Deserialization error',
      )
      expect(emulator.log.at(-1)).toMatchObject({ op: 'GetRecords', records: 3, error: 'BrokenBody' })
    },
  )

  test('the next iterator can be null or an empty string, as in some emulators', async () => {
    const { ShardIterator } = { ShardIterator: await open() }
    emulator.on('GetRecords', { nth: 1 }, { openShardNextIterator: 'null' })
    emulator.on('GetRecords', { nth: 2 }, { openShardNextIterator: 'empty-string' })
    const next = async () => (await streams.send(new GetRecordsCommand({ ShardIterator }))).NextShardIterator
    expect([(await next()) ?? undefined, await next()]).toEqual([undefined, ''])
  })

  test('a call of the SDK client can be aborted while it waits for the response', async () => {
    const called = new Promise<void>((resolve) => {
      emulator.on('ListStreams', {}, () => {
        resolve()
        return { hang: true }
      })
    })
    const abort = new AbortController()
    const call = streams.send(new ListStreamsCommand({}), { abortSignal: abort.signal })
    call.catch(() => {})
    await called
    abort.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('the SDK client can list the streams of the table in pages', async () => {
    const first = emulator.streamArn
    emulator.disable()
    clock.jump(1_000)
    const second = emulator.enable()
    const page = await streams.send(new ListStreamsCommand({ TableName: 'table', Limit: 1 }))
    expect(page.Streams).toEqual([
      { StreamArn: first, TableName: 'table', StreamLabel: '2026-01-01T00:00:00.000' },
    ])
    const rest = await streams.send(
      new ListStreamsCommand({ ExclusiveStartStreamArn: page.LastEvaluatedStreamArn ?? '' }),
    )
    expect(rest.Streams?.map(({ StreamArn }) => StreamArn)).toEqual([second])
    expect((await streams.send(new ListStreamsCommand({ TableName: 'other' }))).Streams).toEqual([])
  })

  test('DescribeTable returns the ARN of the latest stream', async () => {
    const described = async () => (await table.send(new DescribeTableCommand({ TableName: 'table' }))).Table
    expect(await described()).toMatchObject({
      LatestStreamArn: emulator.streamArn,
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    })
    emulator.disable()
    expect(await described()).toMatchObject({ LatestStreamArn: emulator.streamArn })
    expect((await described())?.StreamSpecification).toBeUndefined()
    await expect(table.send(new DescribeTableCommand({ TableName: 'other' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    })
  })

  test('the SDK client can write and delete items', async () => {
    await table.send(
      new PutItemCommand({
        TableName: 'table',
        Item: { id: { S: 'a' }, bytes: { B: new Uint8Array([1, 2]) } },
      }),
    )
    await table.send(new DeleteItemCommand({ TableName: 'table', Key: { id: { S: 'a' } } }))
    const records = await readAll()
    expect(records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'REMOVE'])
    expect(records[0]?.dynamodb?.NewImage?.bytes).toEqual({ B: new Uint8Array([1, 2]) })
    expect(emulator.records[0]?.key).toEqual({ id: 'a' })
    const refused = { name: 'ValidationException' }
    const put = (Item: PutItemCommandInput['Item']) =>
      table.send(new PutItemCommand({ TableName: 'table', Item }))
    await expect(put({})).rejects.toMatchObject(refused)
    await expect(put({ id: { M: {} } })).rejects.toMatchObject(refused)
    const deleteMap = new DeleteItemCommand({ TableName: 'table', Key: { id: { M: {} } } })
    await expect(table.send(deleteMap)).rejects.toMatchObject(refused)
  })

  test('an invalid request is refused with ValidationException', async () => {
    const { shardId } = root(emulator)
    const iterator = { StreamArn: emulator.streamArn, ShardId: shardId }
    const refused = { name: 'ValidationException' }
    const wrongType = new GetShardIteratorCommand({ ...iterator, ShardIteratorType: 'SOMEWHERE' as 'LATEST' })
    await expect(streams.send(wrongType)).rejects.toMatchObject(refused)
    const noNumber = new GetShardIteratorCommand({ ...iterator, ShardIteratorType: 'AT_SEQUENCE_NUMBER' })
    await expect(streams.send(noNumber)).rejects.toMatchObject(refused)
    const limit = new DescribeStreamCommand({ StreamArn: emulator.streamArn, Limit: 101 })
    await expect(streams.send(limit)).rejects.toMatchObject(refused)
  })

  test('large pages are equal when they are read again or from another record', async () => {
    emulator.fill({ records: 1_000, bytes: 200 })
    const all = emulator.records.map(({ raw }) => raw)
    expect(await readAll()).toEqual(all)
    expect(await readAll()).toEqual(all)
    const page = await streams.send(new GetRecordsCommand({ ShardIterator: await open(), Limit: 150 }))
    const next = await streams.send(
      new GetRecordsCommand({ ShardIterator: page.NextShardIterator, Limit: 500 }),
    )
    expect([page.Records, next.Records]).toEqual([all.slice(0, 150), all.slice(150, 650)])
  })
})

test('a call of the in-process client needs neither timers nor a turn of the event loop', async () => {
  const { emulator } = setUp()
  const client = emulator.client()
  const describeStream = () => client.send(new DescribeStreamCommand({ StreamArn: emulator.streamArn }))
  await describeStream()
  let turned = false
  setImmediate(() => {
    turned = true
  })
  await describeStream()
  expect(turned).toBe(false)
})
