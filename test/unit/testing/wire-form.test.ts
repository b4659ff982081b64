import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { javaDouble } from '../../../src/testing/emulator/wire/write-json.ts'
import { setUp } from './helpers.ts'

test.each([
  [1_464_804_310, '1.46480431E9'],
  [1_342_450_478.554, '1.342450478554E9'],
  [2_000_000_000, '2.0E9'],
  [9_999_999, '9999999.0'],
  [10_000_000, '1.0E7'],
  [0, '0.0'],
  [0.5, '0.5'],
  [0.00025, '2.5E-4'],
  [-1_500_000_000, '-1.5E9'],
])('javaDouble() formats %d as %s', (value, expected) => {
  expect(javaDouble(value)).toBe(expected)
})

async function listen(profile: 'aws' | 'local') {
  const { emulator } = setUp({ profile })
  emulator.put({ id: 'é𝄞' })
  const server = await emulator.listen()
  const send = (service: string, name: string, input: object) =>
    fetch(server.url, {
      method: 'POST',
      headers: { 'x-amz-target': `${service}.${name}` },
      body: JSON.stringify(input),
    })
  const call = (name: string, input: object) => send('DynamoDBStreams_20120810', name, input)
  const [shard] = emulator.shards
  const { ShardIterator } = (await (
    await call('GetShardIterator', {
      StreamArn: emulator.streamArn,
      ShardId: shard?.shardId,
      ShardIteratorType: 'TRIM_HORIZON',
    })
  ).json()) as { ShardIterator: string }
  return { emulator, server, call, send, ShardIterator }
}

describe('wire form of AWS', () => {
  test('the wire form aws sorts members by name and writes times as Java doubles', async () => {
    const { emulator, server, call, send, ShardIterator } = await listen('aws')
    await using _ = server
    const records = await (await call('GetRecords', { ShardIterator })).text()
    const [record] = emulator.records
    expect(records.replace(/"NextShardIterator":"[^"]*"/, '"NextShardIterator":"next"')).toBe(
      `{"NextShardIterator":"next","Records":[{"awsRegion":"us-east-1","dynamodb":{` +
        `"ApproximateCreationDateTime":1.7672256E9,"Keys":{"id":{"S":"é𝄞"}},"NewImage":{"id":{"S":"é𝄞"}},` +
        `"SequenceNumber":"${record?.sequenceNumber}","SizeBytes":16,"StreamViewType":"NEW_AND_OLD_IMAGES"},` +
        `"eventID":"${record?.eventId}","eventName":"INSERT","eventSource":"aws:dynamodb","eventVersion":"1.1"}]}`,
    )
    const stream = await (await call('DescribeStream', { StreamArn: emulator.streamArn })).text()
    expect(stream).toMatch(/^\{"StreamDescription":\{"CreationRequestDateTime":1\.7672256E9,"KeySchema":\[\{/)
    const table = await (
      await send('DynamoDB_20120810', 'DescribeTable', { TableName: emulator.tableName })
    ).text()
    expect(table).toMatch(/^\{"Table":\{"CreationDateTime":1\.7672256E9,"ItemCount":1,/)
  })

  test('every response in the wire form aws has a checksum, including errors', async () => {
    const { emulator, server, call } = await listen('aws')
    await using _ = server
    for (const StreamArn of [emulator.streamArn, 'no such stream']) {
      const response = await call('DescribeStream', { StreamArn })
      expect(response.headers.get('x-amz-crc32')).toBe(String(crc32(await response.text())))
    }
  })
})

describe('wire form of DynamoDB Local', () => {
  test('the wire form local keeps the order of the model and writes times with three decimal places', async () => {
    const { emulator, server, call, ShardIterator } = await listen('local')
    await using _ = server
    const records = await (await call('GetRecords', { ShardIterator })).text()
    const [record] = emulator.records
    expect(records.replace(/"NextShardIterator":"[^"]*"/, '"NextShardIterator":"next"')).toBe(
      `{"Records":[{"eventID":"${record?.eventId}","eventName":"INSERT","eventVersion":"1.1",` +
        `"eventSource":"aws:dynamodb","awsRegion":"ddblocal","dynamodb":{"ApproximateCreationDateTime":1767225600.000,` +
        `"Keys":{"id":{"S":"é\\uD834\\uDD1E"}},"NewImage":{"id":{"S":"é\\uD834\\uDD1E"}},` +
        `"SequenceNumber":"${record?.sequenceNumber}","SizeBytes":16,"StreamViewType":"NEW_AND_OLD_IMAGES"}}],` +
        `"NextShardIterator":"next"}`,
    )
  })

  test('errors in the wire form local have no checksum', async () => {
    const { emulator, server, call } = await listen('local')
    await using _ = server
    const known = await call('DescribeStream', { StreamArn: emulator.streamArn })
    expect(known.headers.get('x-amz-crc32')).toBe(String(crc32(await known.text())))
    const unknown = await call('DescribeStream', { StreamArn: 'no such stream' })
    expect(unknown.status).toBe(400)
    expect(unknown.headers.get('x-amz-crc32')).toBeNull()
  })
})

test('the wire form can be changed while records are read', async () => {
  const { emulator, server, call, ShardIterator } = await listen('aws')
  await using _ = server
  const timeOf = async () =>
    /DateTime":([^,]*)/.exec(await (await call('GetRecords', { ShardIterator })).text())?.[1]
  expect(await timeOf()).toBe('1.7672256E9')
  emulator.setBehavior({ wireForm: 'local' })
  expect(await timeOf()).toBe('1767225600.000')
})
