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
import { clientReturning, type HttpResponse } from './fixed-response-client.ts'

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

test('with the installed SDK, records stay in JSON form and no fallback is reported', async () => {
  const { client } = clientReturning({ body })
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
])("with the Date header %j, the service's time is %s", async (date, time) => {
  const { client } = clientReturning({ body, headers: { Date: date } })
  expect((await read(client)).serviceTime).toBe(time)
})

test('a GetRecords request has the headers and the signature of the SDK', async () => {
  const { client, requests } = clientReturning({ body })
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

test('a page without records is parsed by the SDK', async () => {
  const { client } = clientReturning({ body: '{"NextShardIterator":"n"}' })
  expect(await read(client)).toMatchObject({ records: [], nextIterator: 'n' })
})

describe('errors of GetRecords', () => {
  function failing(statusCode: number, type: string): Promise<unknown> {
    const response = {
      statusCode,
      headers: { 'x-amzn-requestid': 'request-1' },
      body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'why' }),
    }
    return read(clientReturning(response).client).catch((error: unknown) => error)
  }

  test.each([
    ['ExpiredIteratorException', ExpiredIteratorException],
    ['TrimmedDataAccessException', TrimmedDataAccessException],
  ])('%s is thrown as the error class of the SDK, with its fields', async (name, type) => {
    const error = await failing(400, name)
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({
      name,
      message: 'why',
      $fault: 'client',
      $metadata: { httpStatusCode: 400, requestId: 'request-1' },
    })
  })

  test('an error that the model does not define keeps its name', async () => {
    expect(await failing(400, 'AccessDeniedException')).toMatchObject({
      name: 'AccessDeniedException',
      message: 'why',
    })
  })

  test.each([
    ['truncated', body.slice(0, -20)],
    ['not JSON', '<html></html>'],
  ])('a response that is %s causes a retryable error, and no fallback', async (_, damaged) => {
    const onFallback = vi.fn()
    const error = await read(clientReturning({ body: damaged }).client, onFallback).catch(
      (reason: unknown) => reason,
    )
    expect(classifyError(error)).toBe('retry')
    expect(error).toMatchObject({ name: 'SyntaxError', $metadata: { httpStatusCode: 200 } })
    expect(onFallback).not.toHaveBeenCalled()
  })

  test('when the SDK retries a call, the page is from the last attempt', async () => {
    const responses: HttpResponse[] = [{ statusCode: 500, body: '{}' }, { body }]
    const { client } = clientReturning(() => responses.shift() ?? { body: '' }, {
      maxAttempts: 2,
      retryStrategy: retryImmediately,
    })
    expect(rawRecords(await read(client))).toEqual([decoded])
  })
})

describe("middleware of the user's client", () => {
  /** A client with a middleware that can replace each output by the result of `intercept`. */
  function clientWithMiddleware(
    intercept: (output: GetRecordsCommandOutput) => GetRecordsCommandOutput | undefined,
  ) {
    const { client } = clientReturning({ body, headers: { 'x-amzn-requestid': 'request-1' } })
    client.middlewareStack.add((next) => async (args) => {
      const result = await next(args)
      const output = intercept(result.output as GetRecordsCommandOutput)
      return output ? { ...result, output } : result
    })
    return client
  }

  test('a middleware receives the records in the form of the SDK', async () => {
    let seen: unknown
    const client = clientWithMiddleware((output) => {
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

  test('a middleware receives exactly the same output as without this library', async () => {
    const seen: unknown[] = []
    const client = clientWithMiddleware((output) => {
      seen.push({ ...output })
      return undefined
    })
    await read(client)
    await client.send(new GetRecordsCommand({ ShardIterator: 'i' }))
    expect(seen[0]).toStrictEqual(seen[1])
  })

  test('middlewares before and after the deserializer are called with the response', async () => {
    const { client } = clientReturning({ body })
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

  test('a middleware can change a record', async () => {
    const client = clientWithMiddleware((output) => {
      for (const record of output.Records ?? []) record.eventID = 'changed'
      return undefined
    })
    expect(rawRecords(await read(client))).toEqual([{ ...decoded, eventID: 'changed' }])
  })

  test('a middleware can replace the records', async () => {
    const client = clientWithMiddleware((output) => {
      output.Records = []
      return undefined
    })
    expect((await read(client)).records).toEqual([])
  })

  test('a middleware can return its own output', async () => {
    const client = clientWithMiddleware((output) => ({
      $metadata: output.$metadata,
      Records: [{ eventID: 'mine' }],
    }))
    expect(await read(client)).toMatchObject({ records: [{ eventID: 'mine' }], nextIterator: undefined })
  })

  test("the logger of the user's client receives the whole output", async () => {
    const info = vi.fn()
    const logger = { info, debug: () => {}, warn: () => {}, error: () => {} }
    const { client } = clientReturning({ body }, { logger })
    expect(rawRecords(await read(client))).toEqual([decoded])
    expect(info).toHaveBeenCalledWith(
      expect.objectContaining({ output: { Records: [decoded], NextShardIterator: 'next' } }),
    )
  })
})

describe('an SDK with changed internals', () => {
  type Deserialize = (body: Uint8Array) => object

  /** Replaces the deserializer of the client. */
  function withDeserializer(
    name: string,
    deserialize: Deserialize,
    responseBody = body,
  ): DynamoDBStreamsClient {
    const { client } = clientReturning({ body: responseBody })
    client.middlewareStack.remove('deserializerMiddleware')
    client.middlewareStack.add(
      (next) => async (args) => {
        const { response } = await next(args)
        const received = (response as { body: AsyncIterable<Uint8Array> | Uint8Array }).body
        const bytes =
          received instanceof Uint8Array ? received : await client.config.streamCollector(received)
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
    ['has another deserializer', () => withDeserializer('laterDeserializer', parse)],
    [
      'does not use JSON',
      () => withDeserializer('deserializerMiddleware', () => ({ Records: [decoded] }), '\u00a1'),
    ],
  ])('an SDK that %s parses the responses itself, and one fallback is reported', async (_, makeClient) => {
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

/** The retry strategy of the SDK without delays. */
const retryImmediately = {
  acquireInitialRetryToken: async () => ({ getRetryCount: () => 0, getRetryDelay: () => 0 }),
  refreshRetryTokenForRetry: async () => ({ getRetryCount: () => 1, getRetryDelay: () => 0 }),
  recordSuccess: () => {},
}
