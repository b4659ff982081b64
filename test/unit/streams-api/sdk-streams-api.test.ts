import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, describe, expect, test } from 'vitest'
import { classifyError } from '../../../src/streams-api/classify-error.ts'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import { clientHanging, clientReturning, type HttpResponse } from './fixed-response-client.ts'

const never = new AbortController().signal
const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000'

describe('sdkStreamsApi with a mocked client', () => {
  const client = new DynamoDBStreamsClient({ region: 'eu-west-1' })
  const mock = mockClient(client)
  afterEach(() => void mock.reset())
  const api = sdkStreamsApi(client)

  test('a DescribeStream response is converted to a page of shards', async () => {
    mock.on(DescribeStreamCommand).resolves({
      StreamDescription: {
        StreamStatus: 'ENABLED',
        LastEvaluatedShardId: 'shardId-2',
        Shards: [
          {
            ShardId: 'shardId-1',
            SequenceNumberRange: { StartingSequenceNumber: '1', EndingSequenceNumber: '9' },
          },
          { ShardId: 'shardId-2', ParentShardId: 'shardId-1' },
          {},
        ],
      },
    })
    expect(await api.listShards({ streamArn, exclusiveStartShardId: 'shardId-0' }, never)).toEqual({
      status: 'ENABLED',
      lastEvaluatedShardId: 'shardId-2',
      serviceTime: undefined,
      shards: [
        {
          shardId: 'shardId-1',
          parentShardId: undefined,
          startingSequenceNumber: '1',
          endingSequenceNumber: '9',
        },
        {
          shardId: 'shardId-2',
          parentShardId: 'shardId-1',
          startingSequenceNumber: undefined,
          endingSequenceNumber: undefined,
        },
      ],
    })
    expect(mock.call(0).args[0].input).toEqual({ StreamArn: streamArn, ExclusiveStartShardId: 'shardId-0' })
  })

  test('the children of a shard are requested with a ShardFilter', async () => {
    mock.on(DescribeStreamCommand).resolves({})
    await api.listShards({ streamArn, childrenOf: 'shardId-7' }, never)
    expect(mock.call(0).args[0].input).toEqual({
      StreamArn: streamArn,
      ShardFilter: { Type: 'CHILD_SHARDS', ShardId: 'shardId-7' },
    })
  })

  test('a response without any members is an empty page', async () => {
    mock.onAnyCommand().resolves({})
    expect(await api.listShards({ streamArn }, never)).toMatchObject({
      shards: [],
      lastEvaluatedShardId: undefined,
    })
    expect(await api.readRecords({ iterator: 'i', limit: 1 }, never)).toMatchObject({ records: [] })
  })

  test('an iterator is requested by type and sequence number', async () => {
    mock.on(GetShardIteratorCommand).resolves({ ShardIterator: 'i' })
    const after = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: '42' } as const
    expect(await api.openIterator({ streamArn, shardId: 's', start: after }, never)).toBe('i')
    expect(await api.openIterator({ streamArn, shardId: 's', start: { type: 'LATEST' } }, never)).toBe('i')
    expect(mock.calls().map((call) => call.args[0].input)).toEqual([
      {
        StreamArn: streamArn,
        ShardId: 's',
        ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
        SequenceNumber: '42',
      },
      { StreamArn: streamArn, ShardId: 's', ShardIteratorType: 'LATEST' },
    ])
  })

  test('a response without an iterator causes a retryable error', async () => {
    mock.on(GetShardIteratorCommand).resolves({})
    const error = await api
      .openIterator({ streamArn, shardId: 's', start: { type: 'LATEST' } }, never)
      .catch((e) => e)
    expect(error).toBeInstanceOf(Error)
    expect(classifyError(error)).toBe('retry')
  })

  test.each([undefined, null, ''])(
    'a next iterator of %j is returned as undefined',
    async (NextShardIterator) => {
      mock.on(GetRecordsCommand).resolves({ NextShardIterator } as object)
      expect((await api.readRecords({ iterator: 'i', limit: 1000 }, never)).nextIterator).toBeUndefined()
    },
  )

  test('records are returned as the mock returns them', async () => {
    const record = {
      eventID: '1',
      dynamodb: { SequenceNumber: '5', NewImage: { a: { B: new Uint8Array([1]) } } },
    }
    mock.on(GetRecordsCommand).resolves({ Records: [record], NextShardIterator: 'n' })
    const page = await api.readRecords({ iterator: 'i', limit: 10 }, never)
    expect(page.nextIterator).toBe('n')
    expect(page.records.map((wire) => page.decode?.(wire) ?? wire)).toEqual([record])
    expect(mock.call(0).args[0].input).toEqual({ ShardIterator: 'i', Limit: 10 })
  })
})

describe('sdkStreamsApi over HTTP', () => {
  const described: HttpResponse = {
    headers: { date: 'Thu, 01 Jan 2026 00:00:05 GMT' },
    body: JSON.stringify({ StreamDescription: { StreamStatus: 'ENABLED' } }),
  }

  test("the service's time is read from the Date header", async () => {
    const { client } = clientReturning(described)
    const page = await sdkStreamsApi(client).listShards({ streamArn }, never)
    expect(page.serviceTime).toBe(Date.UTC(2026, 0, 1, 0, 0, 5))
  })

  test("the middleware of the user's client is not changed", async () => {
    const { client } = clientReturning(described)
    const before = client.middlewareStack.identify()
    const api = sdkStreamsApi(client)
    await api.listShards({ streamArn }, never)
    await api.readRecords({ iterator: 'i', limit: 1 }, never)
    expect(client.middlewareStack.identify()).toEqual(before)
  })

  test.each(['not a time', ''])('a Date header of %j is ignored', async (date) => {
    const { client } = clientReturning({ ...described, headers: { date } })
    expect((await sdkStreamsApi(client).listShards({ streamArn }, never)).serviceTime).toBeUndefined()
  })

  test.each(['listShards', 'openIterator', 'readRecords'] as const)(
    '%s rejects with an AbortError when it is aborted while the service hangs',
    async (call) => {
      const { client, arrived } = clientHanging()
      const api = sdkStreamsApi(client)
      const abort = new AbortController()
      const pending = {
        listShards: () => api.listShards({ streamArn }, abort.signal),
        openIterator: () =>
          api.openIterator({ streamArn, shardId: 's', start: { type: 'LATEST' } }, abort.signal),
        readRecords: () => api.readRecords({ iterator: 'i', limit: 1 }, abort.signal),
      }[call]()
      await arrived
      abort.abort()
      const error = await pending.catch((reason: unknown) => reason)
      expect(classifyError(error)).toBe('aborted')
    },
  )

  test('an aborted call does not wait for credentials', async () => {
    const client = new DynamoDBStreamsClient({ region: 'x', credentials: () => new Promise(() => {}) })
    const pending = sdkStreamsApi(client).listShards({ streamArn }, AbortSignal.abort())
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' })
  })
})
