import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { iterator, put, remove, shardsOf } from './calls.ts'
import { dynamoDBLocal, emulatorOverHttp, type Subject, type SubjectTable } from './subjects.ts'

// With the profile `local`, the emulator sends the same bytes as DynamoDB Local, and the library parses both
// on its fast path.

const never = new AbortController().signal

interface RecordedResponse {
  readonly call: string
  readonly checksum: boolean
  /** The body, with ids, times and everything else that differs between runs replaced. */
  readonly body: string
}

/** Makes the same calls to any subject, and returns the bytes of their responses. */
async function recordResponses(subject: Subject): Promise<RecordedResponse[]> {
  const table = await subject.createTable()
  await table.tables.send(
    new PutItemCommand({
      TableName: table.tableName,
      Item: { id: { S: 'a' }, text: { S: 'é𝄞"\\/\n\t\u0001<' } },
    }),
  )
  await put(table, 'a', { n: { N: '1' } })
  await remove(table, 'a')
  const responses: RecordedResponse[] = []
  table.streams.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args)
      const response = result.response as { headers: Record<string, string>; body: AsyncIterable<Uint8Array> }
      const chunks: Uint8Array[] = []
      for await (const chunk of response.body) chunks.push(chunk)
      const body = Buffer.concat(chunks)
      Object.assign(response, { body })
      responses.push({
        call: String(context.commandName),
        checksum: 'x-amz-crc32' in response.headers,
        body: normalize(body.toString(), table),
      })
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'bytes' },
  )
  const [shard] = await shardsOf(table)
  const first = await iterator(table, 'TRIM_HORIZON', { shard })
  const api = sdkStreamsApi(table.streams, (reason) => expect.unreachable(reason))
  const page = await api.readRecords({ iterator: first, limit: 1000 }, never)
  expect(page.lazyRecords?.length).toBe(3)
  table.streams.middlewareStack.remove('bytes')
  return responses
}

function normalize(body: string, { streamArn, tableName }: SubjectTable): string {
  const label = streamArn.split('/').at(-1) ?? ''
  return sortImages(body)
    .replaceAll(streamArn, '<arn>')
    .replaceAll(label, '<label>')
    .replaceAll(tableName, '<table>')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/shardId-\d{20}-[0-9a-f]{8}/g, '<shard>')
    .replaceAll(/(SequenceNumber":")\d{21}"/g, '$1<21 digits>"')
    .replaceAll(/(DateTime":)\d{10}(\.\d{3})/g, '$1<ten digits>.<three digits>')
    .replaceAll(/(Iterator":")<arn>\|[^"]*/g, '$1<iterator>')
}

/** DynamoDB Local writes the attributes of an item in an unpredictable order. */
function sortImages(body: string): string {
  return body.replaceAll(/"(New|Old)Image":\{("id":\{[^}]*\}),("[^"]*":\{[^}]*\})/g, '"$1Image":{$3,$2')
}

describe('wire format', () => {
  describeOnLocal('DynamoDB Local and emulator with the profile local', (local) => {
    test('the responses of both are the same bytes, except for ids, sequence numbers, times and iterators', async () => {
      const [real, emulator] = [dynamoDBLocal(local), emulatorOverHttp('local')]
      try {
        const expected = await recordResponses(real)
        expect(expected.map(({ call }) => call)).toEqual([
          'DescribeStreamCommand',
          'GetShardIteratorCommand',
          'GetRecordsCommand',
        ])
        expect(await recordResponses(emulator)).toEqual(expected)
      } finally {
        await real.close()
        await emulator.close()
      }
    })
  })
})
