import {
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test, vi } from 'vitest'
import { classifyError } from '../../../src/streams-api/classify-error.ts'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import type { RecordPage } from '../../../src/streams-api/streams-api.ts'
import type { RawRecord } from '../../../src/wire/wire-record.ts'
import { type Answer, clientAnswering } from './answering-client.ts'

type DeserializeMiddleware = Parameters<GetRecordsCommand['middlewareStack']['add']>[0]
type Middleware = Parameters<DynamoDBStreamsClient['middlewareStack']['add']>[0]

const wire = {
  eventID: '1',
  dynamodb: { ApproximateCreationDateTime: 1_767_225_600, NewImage: { a: { B: 'AQI=' } } },
}
const decoded = {
  eventID: '1',
  dynamodb: {
    ApproximateCreationDateTime: new Date('2026-01-01T00:00:00Z'),
    NewImage: { a: { B: new Uint8Array([1, 2]) } },
  },
}
const body = JSON.stringify({ Records: [wire], NextShardIterator: 'next' })

function read(client: DynamoDBStreamsClient, onFallback = vi.fn()): Promise<RecordPage> {
  return sdkStreamsApi(client, onFallback).readRecords(
    { iterator: 'i', limit: 9 },
    new AbortController().signal,
  )
}

function rawRecords(page: RecordPage): (RawRecord | object)[] {
  return page.records.map((record) => page.decode?.(record) ?? record)
}

test('with the SDK that is installed, records stay in JSON form, and nobody speaks of a fallback', async () => {
  const { client } = clientAnswering({ body })
  const onFallback = vi.fn()
  const page = await read(client, onFallback)
  expect(page).toMatchObject({ records: [wire], nextIterator: 'next', bytes: body.length })
  expect(rawRecords(page)).toEqual([decoded])
  expect(onFallback).not.toHaveBeenCalled()
})

test.each([
  ['Thu, 01 Jan 2026 00:00:05 GMT', Date.UTC(2026, 0, 1, 0, 0, 5)],
  ['Thu, 01 Jan 2026 00:00:06 GMT', Date.UTC(2026, 0, 1, 0, 0, 6)],
  ['not a time', undefined],
])("the service's clock is read from the Date header %j", async (date, time) => {
  const { client } = clientAnswering({ body, headers: { Date: date } })
  expect((await read(client)).serviceTime).toBe(time)
})

test('the request is signed and addressed as the SDK does it', async () => {
  const { client, requests } = clientAnswering({ body })
  await read(client)
  expect(requests).toHaveLength(1)
  expect(requests[0]?.headers).toMatchObject({
    'x-amz-target': 'DynamoDBStreams_20120810.GetRecords',
    authorization: expect.stringContaining('AWS4-HMAC-SHA256 Credential=key/'),
  })
  expect(JSON.parse(new TextDecoder().decode(requests[0]?.body))).toEqual({
    ShardIterator: 'i',
    Limit: 9,
  })
})

test('a page whose records are missing is left to the SDK', async () => {
  const { client } = clientAnswering({ body: '{"NextShardIterator":"n"}' })
  expect(await read(client)).toMatchObject({ records: [], nextIterator: 'n' })
})

describe('errors', () => {
  function failing(statusCode: number, type: string): Promise<unknown> {
    const answer = {
      statusCode,
      headers: { 'x-amzn-requestid': 'request-1' },
      body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'why' }),
    }
    return read(clientAnswering(answer).client).catch((error: unknown) => error)
  }

  test.each([
    ['ExpiredIteratorException', ExpiredIteratorException],
    ['TrimmedDataAccessException', TrimmedDataAccessException],
  ])('%s is of its own class and has its fields', async (name, type) => {
    const error = await failing(400, name)
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({
      name,
      message: 'why',
      $fault: 'client',
      $metadata: { httpStatusCode: 400, requestId: 'request-1' },
    })
  })

  test('an error that the model does not know keeps its name', async () => {
    expect(await failing(400, 'AccessDeniedException')).toMatchObject({
      name: 'AccessDeniedException',
      message: 'why',
    })
  })

  test.each([
    ['cut off', body.slice(0, -20)],
    ['not JSON', '<html></html>'],
  ])(
    'an answer that is %s is an error that is retried, and no reason to change the reader',
    async (_, text) => {
      const onFallback = vi.fn()
      const error = await read(clientAnswering({ body: text }).client, onFallback).catch(
        (reason: unknown) => reason,
      )
      expect(classifyError(error)).toBe('retry')
      expect(error).toMatchObject({ name: 'SyntaxError', $metadata: { httpStatusCode: 200 } })
      expect(onFallback).not.toHaveBeenCalled()
    },
  )

  test('an attempt that the SDK repeats by itself gives the page of the last one', async () => {
    const answers: Answer[] = [{ statusCode: 500, body: '{}' }, { body }]
    const { client } = clientAnswering(() => answers.shift() ?? { body: '' }, {
      maxAttempts: 2,
      retryStrategy: atOnce,
    })
    expect(rawRecords(await read(client))).toEqual([decoded])
  })
})

describe("middleware on the user's client", () => {
  /** A middleware of the user's that is handed each answer of the client. */
  function watching(watch: (output: GetRecordsCommandOutput) => GetRecordsCommandOutput | undefined) {
    const { client } = clientAnswering({ body, headers: { 'x-amzn-requestid': 'request-1' } })
    client.middlewareStack.add((next) => async (args) => {
      const result = await next(args)
      const output = watch(result.output as GetRecordsCommandOutput)
      return output ? { ...result, output } : result
    })
    return client
  }

  test('sees the records as the SDK gives them', async () => {
    let seen: unknown
    const client = watching((output) => {
      seen = { ...output }
      return undefined
    })
    expect(rawRecords(await read(client))).toEqual([decoded])
    expect(seen).toMatchObject({
      Records: [decoded],
      NextShardIterator: 'next',
      $metadata: { httpStatusCode: 200, requestId: 'request-1', attempts: 1 },
    })
  })

  test('gets the answer that the SDK gives, to the last member', async () => {
    const seen: unknown[] = []
    const client = watching((output) => {
      seen.push({ ...output })
      return undefined
    })
    await read(client)
    await client.send(new GetRecordsCommand({ ShardIterator: 'i' }))
    expect(seen[0]).toStrictEqual(seen[1])
  })

  test('around the deserialiser is asked, and sees the answer pass', async () => {
    const { client } = clientAnswering({ body })
    const seen: string[] = []
    for (const relation of ['before', 'after'] as const) {
      const middleware: DeserializeMiddleware = (next) => async (args) => {
        const result = await next(args)
        seen.push(`${relation} ${Object.keys(result).join()}`)
        return result
      }
      const options = { relation, toMiddleware: 'deserializerMiddleware', name: relation }
      client.middlewareStack.addRelativeTo(middleware as DeserializeMiddleware & Middleware, options)
    }
    expect(rawRecords(await read(client))).toEqual([decoded])
    expect(seen).toEqual(['after response', 'before response,output'])
  })

  test('may change a record', async () => {
    const client = watching((output) => {
      for (const record of output.Records ?? []) record.eventID = 'changed'
      return undefined
    })
    expect(rawRecords(await read(client))).toEqual([{ ...decoded, eventID: 'changed' }])
  })

  test('may put other records in their place', async () => {
    const client = watching((output) => {
      output.Records = []
      return undefined
    })
    expect((await read(client)).records).toEqual([])
  })

  test('may give an answer of its own', async () => {
    const client = watching((output) => ({ $metadata: output.$metadata, Records: [{ eventID: 'mine' }] }))
    expect(await read(client)).toMatchObject({ records: [{ eventID: 'mine' }], nextIterator: undefined })
  })

  test('a logger that wants to know is told the whole answer', async () => {
    const info = vi.fn()
    const logger = { info, debug: () => {}, warn: () => {}, error: () => {} }
    const { client } = clientAnswering({ body }, { logger })
    expect(rawRecords(await read(client))).toEqual([decoded])
    expect(info).toHaveBeenCalledWith(
      expect.objectContaining({ output: { Records: [decoded], NextShardIterator: 'next' } }),
    )
  })
})

describe('an SDK whose internals have moved', () => {
  type Deserialize = (body: Uint8Array) => object

  /** Puts another deserialiser into the client, in the place of the SDK's. */
  function withDeserializer(name: string, deserialize: Deserialize, answer = body): DynamoDBStreamsClient {
    const { client } = clientAnswering({ body: answer })
    client.middlewareStack.remove('deserializerMiddleware')
    client.middlewareStack.add(
      (next) => async (args) => {
        const { response } = await next(args)
        const given = (response as { body: AsyncIterable<Uint8Array> | Uint8Array }).body
        const bytes = given instanceof Uint8Array ? given : await client.config.streamCollector(given)
        return { response, output: { $metadata: {}, ...deserialize(bytes) } }
      },
      { name, step: 'deserialize' },
    )
    return client
  }

  const parse: Deserialize = (bytes) => {
    JSON.parse(Buffer.from(bytes).toString())
    return { Records: [decoded], NextShardIterator: 'next' }
  }

  test.each([
    ['has another deserialiser', () => withDeserializer('laterDeserializer', parse)],
    [
      'does not speak JSON',
      () => withDeserializer('deserializerMiddleware', () => ({ Records: [decoded] }), '\u00a1'),
    ],
  ])('that %s is left to read by itself, which is told once', async (_, makeClient) => {
    const onFallback = vi.fn()
    const api = sdkStreamsApi(makeClient(), onFallback)
    for (let call = 0; call < 3; call++) {
      const attempt = () => api.readRecords({ iterator: 'i', limit: 1 }, new AbortController().signal)
      const page = await attempt().catch((error: unknown) => {
        expect(classifyError(error)).toBe('retry')
        return attempt()
      })
      expect(rawRecords(page)).toEqual([decoded])
    }
    expect(onFallback).toHaveBeenCalledTimes(1)
    expect(onFallback).toHaveBeenCalledWith(expect.any(String))
  })
})

/** The SDK's retries without its pauses. */
const atOnce = {
  acquireInitialRetryToken: async () => ({ getRetryCount: () => 0, getRetryDelay: () => 0 }),
  refreshRetryTokenForRetry: async () => ({ getRetryCount: () => 1, getRetryDelay: () => 0 }),
  recordSuccess: () => {},
}
