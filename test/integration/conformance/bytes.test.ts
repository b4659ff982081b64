import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { iterator, put, remove, shardsOf } from './calls.ts'
import { dynamoDBLocal, emulatorOverHttp, type Subject, type SubjectTable } from './subjects.ts'

/*
 * What the emulator with the profile `local` sends, byte for byte as DynamoDB Local sends it, and that the library reads both
 * on its fast path.
 */

const never = new AbortController().signal

interface Answer {
  readonly call: string
  readonly checksum: boolean
  /** With everything that differs from table to table and from time to time replaced. */
  readonly body: string
}

/** The same story on any subject: what is sent for each call, in the bytes of the transport. */
async function tell(subject: Subject): Promise<Answer[]> {
  const table = await subject.makeTable()
  await table.tables.send(
    new PutItemCommand({
      TableName: table.tableName,
      Item: { id: { S: 'a' }, text: { S: 'é𝄞"\\/\n\t\u0001<' } },
    }),
  )
  await put(table, 'a', { n: { N: '1' } })
  await remove(table, 'a')
  const answers: Answer[] = []
  table.streams.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args)
      const response = result.response as { headers: Record<string, string>; body: AsyncIterable<Uint8Array> }
      const chunks: Uint8Array[] = []
      for await (const chunk of response.body) chunks.push(chunk)
      const body = Buffer.concat(chunks)
      Object.assign(response, { body })
      answers.push({
        call: String(context.commandName),
        checksum: 'x-amz-crc32' in response.headers,
        body: neutral(body.toString(), table),
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
  return answers
}

function neutral(body: string, { streamArn, tableName }: SubjectTable): string {
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

/** DynamoDB Local writes the attributes of an item in no order that could be foretold. */
function sortImages(body: string): string {
  return body.replaceAll(/"(New|Old)Image":\{("id":\{[^}]*\}),("[^"]*":\{[^}]*\})/g, '"$1Image":{$3,$2')
}

describe('the answers of DynamoDB Local and of the emulator with its profile', () => {
  describeOnLocal('on both', (local) => {
    test('are the same in every byte that is not an id, a number, a time or an iterator', async () => {
      const [real, emulated] = [dynamoDBLocal(local), emulatorOverHttp('local')]
      try {
        const expected = await tell(real)
        expect(expected.map(({ call }) => call)).toEqual([
          'DescribeStreamCommand',
          'GetShardIteratorCommand',
          'GetRecordsCommand',
        ])
        expect(await tell(emulated)).toEqual(expected)
      } finally {
        await real.close()
        await emulated.close()
      }
    })
  })
})
