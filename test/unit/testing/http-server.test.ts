import { expect, test } from 'vitest'
import { setUp } from './helpers.ts'

async function post(url: string, target: string, body: string): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'x-amz-target': target }, body })
}

test("the Date header contains the time on the service's clock", async () => {
  const { clock, emulator } = setUp({ behavior: { clockSkewMs: 60_000 } })
  await using server = await emulator.listen()
  clock.jump(1_500)
  const response = await post(server.url, 'DynamoDBStreams_20120810.ListStreams', '{}')
  expect(response.headers.get('date')).toBe('Thu, 01 Jan 2026 00:01:01 GMT')
  expect(response.headers.get('content-type')).toBe('application/x-amz-json-1.0')
  expect(response.headers.get('x-amzn-requestid')).toMatch(/^[0-9A-Z]{52}$/)
})

test('errors are encoded in AWS JSON 1.0', async () => {
  const { emulator } = setUp()
  await using server = await emulator.listen()
  const unknown = await post(server.url, 'DynamoDB_20120810.Scan', '{}')
  expect(unknown.status).toBe(400)
  expect(await unknown.json()).toMatchObject({ __type: 'com.amazon.coral.service#UnknownOperationException' })
  const broken = await post(server.url, 'DynamoDBStreams_20120810.ListStreams', '{')
  expect(await broken.json()).toMatchObject({ __type: 'com.amazon.coral.service#SerializationException' })
  const missing = await post(
    server.url,
    'DynamoDBStreams_20120810.DescribeStream',
    JSON.stringify({ StreamArn: `${emulator.streamArn}0` }),
  )
  expect(await missing.json()).toMatchObject({
    __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException',
    message: expect.stringContaining(`${emulator.streamArn}0`),
  })
})

test('unknown fields of records are sent over HTTP', async () => {
  const { emulator } = setUp()
  emulator.put({ id: 'a' }, { unknownFields: { Future: 1 } })
  await using server = await emulator.listen()
  const call = async (target: string, body: unknown) =>
    (await (
      await post(server.url, `DynamoDBStreams_20120810.${target}`, JSON.stringify(body))
    ).json()) as Record<string, unknown>
  const { ShardIterator } = await call('GetShardIterator', {
    StreamArn: emulator.streamArn,
    ShardId: emulator.shards[0]?.shardId,
    ShardIteratorType: 'TRIM_HORIZON',
  })
  const page = await call('GetRecords', { ShardIterator })
  expect(page).toMatchObject({
    Records: [{ Future: 1, dynamodb: { Future: 1, ApproximateCreationDateTime: 1767225600 } }],
  })
})

test('close() ends calls that hang, and can be called twice', async () => {
  const { emulator } = setUp()
  const server = await emulator.listen()
  const called = new Promise<void>((resolve) => {
    emulator.on('ListStreams', {}, () => {
      resolve()
      return { hang: true }
    })
  })
  const call = post(server.url, 'DynamoDBStreams_20120810.ListStreams', '{}')
  call.catch(() => {})
  await called
  await Promise.all([server.close(), server.close()])
  await expect(call).rejects.toThrow('fetch failed')
})

test('listen() uses the given port and rejects if the port is in use', async () => {
  const { emulator } = setUp()
  await using first = await emulator.listen()
  expect(first.url).toBe(`http://127.0.0.1:${first.port}`)
  await expect(emulator.listen({ port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
