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
])('%d is written as Java writes a double: %s', (value, expected) => {
  expect(javaDouble(value)).toBe(expected)
})

async function answers(profile: 'aws' | 'local') {
  const { emulator } = setUp({ profile })
  emulator.put({ id: 'é𝄞' })
  const server = await emulator.listen()
  const send = (service: string, call: string, input: object) =>
    fetch(server.url, {
      method: 'POST',
      headers: { 'x-amz-target': `${service}.${call}` },
      body: JSON.stringify(input),
    })
  const ask = (call: string, input: object) => send('DynamoDBStreams_20120810', call, input)
  const [shard] = emulator.shards
  const { ShardIterator } = (await (
    await ask('GetShardIterator', {
      StreamArn: emulator.streamArn,
      ShardId: shard?.shardId,
      ShardIteratorType: 'TRIM_HORIZON',
    })
  ).json()) as { ShardIterator: string }
  return { emulator, server, ask, send, ShardIterator }
}

describe('as AWS', () => {
  test('members are sorted by name, and times are doubles of Java', async () => {
    const { emulator, server, ask, send, ShardIterator } = await answers('aws')
    await using _ = server
    const records = await (await ask('GetRecords', { ShardIterator })).text()
    const [record] = emulator.records
    expect(records.replace(/"NextShardIterator":"[^"]*"/, '"NextShardIterator":"next"')).toBe(
      `{"NextShardIterator":"next","Records":[{"awsRegion":"us-east-1","dynamodb":{` +
        `"ApproximateCreationDateTime":1.7672256E9,"Keys":{"id":{"S":"é𝄞"}},"NewImage":{"id":{"S":"é𝄞"}},` +
        `"SequenceNumber":"${record?.sequenceNumber}","SizeBytes":16,"StreamViewType":"NEW_AND_OLD_IMAGES"},` +
        `"eventID":"${record?.eventId}","eventName":"INSERT","eventSource":"aws:dynamodb","eventVersion":"1.1"}]}`,
    )
    const stream = await (await ask('DescribeStream', { StreamArn: emulator.streamArn })).text()
    expect(stream).toMatch(/^\{"StreamDescription":\{"CreationRequestDateTime":1\.7672256E9,"KeySchema":\[\{/)
    const table = await (
      await send('DynamoDB_20120810', 'DescribeTable', { TableName: emulator.tableName })
    ).text()
    expect(table).toMatch(/^\{"Table":\{"CreationDateTime":1\.7672256E9,"ItemCount":1,/)
  })

  test('every answer has its checksum, errors too', async () => {
    const { emulator, server, ask } = await answers('aws')
    await using _ = server
    for (const StreamArn of [emulator.streamArn, 'no such stream']) {
      const response = await ask('DescribeStream', { StreamArn })
      expect(response.headers.get('x-amz-crc32')).toBe(String(crc32(await response.text())))
    }
  })
})

describe('as DynamoDB Local', () => {
  test('members are in the order of the model, and times have three digits after the point', async () => {
    const { emulator, server, ask, ShardIterator } = await answers('local')
    await using _ = server
    const records = await (await ask('GetRecords', { ShardIterator })).text()
    const [record] = emulator.records
    expect(records.replace(/"NextShardIterator":"[^"]*"/, '"NextShardIterator":"next"')).toBe(
      `{"Records":[{"eventID":"${record?.eventId}","eventName":"INSERT","eventVersion":"1.1",` +
        `"eventSource":"aws:dynamodb","awsRegion":"ddblocal","dynamodb":{"ApproximateCreationDateTime":1767225600.000,` +
        `"Keys":{"id":{"S":"é\\uD834\\uDD1E"}},"NewImage":{"id":{"S":"é\\uD834\\uDD1E"}},` +
        `"SequenceNumber":"${record?.sequenceNumber}","SizeBytes":16,"StreamViewType":"NEW_AND_OLD_IMAGES"}}],` +
        `"NextShardIterator":"next"}`,
    )
  })

  test('errors have no checksum', async () => {
    const { emulator, server, ask } = await answers('local')
    await using _ = server
    const known = await ask('DescribeStream', { StreamArn: emulator.streamArn })
    expect(known.headers.get('x-amz-crc32')).toBe(String(crc32(await known.text())))
    const unknown = await ask('DescribeStream', { StreamArn: 'no such stream' })
    expect(unknown.status).toBe(400)
    expect(unknown.headers.get('x-amz-crc32')).toBeNull()
  })
})

test('the form can be changed while records are read', async () => {
  const { emulator, server, ask, ShardIterator } = await answers('aws')
  await using _ = server
  const timeOf = async () =>
    /DateTime":([^,]*)/.exec(await (await ask('GetRecords', { ShardIterator })).text())?.[1]
  expect(await timeOf()).toBe('1.7672256E9')
  emulator.setBehavior({ wireForm: 'local' })
  expect(await timeOf()).toBe('1767225600.000')
})
