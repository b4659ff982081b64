import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { GetRecordsCommand } from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test } from 'vitest'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import { createdAtMsOf, sequenceNumberOf } from '../../../src/wire/record-fields.ts'
import type { WireRecord } from '../../../src/wire/wire-record.ts'
import { clientReturning } from './fixed-response-client.ts'

/*
 * GetRecords responses of real services, byte for byte. `aws.body` has the values, the number formats and the
 * order of members of the sample response in the API reference, without its whitespace.
 * `dynamodb-local-3.3.0.body` is a response of DynamoDB Local.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
 */

function sample(name: string): string {
  return readFileSync(new URL(`samples/${name}.body`, import.meta.url), 'utf8')
}

/** Reads the records lazily. Fails if the fast path is not used. */
async function readFast(body: string) {
  const { client } = clientReturning({ body })
  const api = sdkStreamsApi(client, (reason) => expect.unreachable(reason))
  const page = await api.readRecords({ iterator: 'i', limit: 1000 }, new AbortController().signal)
  const { lazyRecords } = page
  if (!lazyRecords) return expect.unreachable('the fast path was not used')
  const records = Array.from(
    { length: lazyRecords.length },
    (_, index) => lazyRecords.at(index) as WireRecord,
  )
  return { ...page, decoded: records.map((record) => page.decode?.(record)), records }
}

const samples = [
  {
    name: 'aws',
    times: [1_464_804_310_000, 1_464_805_270_000, 1_464_806_460_000],
    numbers: ['300000000000000499659', '400000000000000499660', '500000000000000499661'],
  },
  {
    name: 'dynamodb-local-3.3.0',
    times: [1_795_559_040_000, 1_795_559_040_000, 1_795_559_040_000],
    numbers: ['000000000000000000001', '000000000000000000002', '000000000000000000003'],
  },
]

describe.each(samples)('the sample response $name', ({ name, times, numbers }) => {
  test('the times and sequence numbers of a sample response are read without parsing its records', async () => {
    const { records, nextIterator } = await readFast(sample(name))
    expect(records.map(createdAtMsOf)).toEqual(times)
    expect(records.map(sequenceNumberOf)).toEqual(numbers)
    expect(records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE'])
    expect(nextIterator).toBe(JSON.parse(sample(name)).NextShardIterator)
  })

  test('the decoded records of a sample response equal those of the SDK', async () => {
    const body = sample(name)
    const { client } = clientReturning({ body })
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator: 'i' }))
    assert.deepStrictEqual((await readFast(body)).decoded, Records)
  })

  test('a sample response with indentation is read the same way', async () => {
    // Not indented by JSON.stringify, which would change the format of the numbers.
    const indented = sample(name)
      .replaceAll(/([{,])(?=")/g, '$1\n  ')
      .replaceAll('":', '" : ')
    const { records } = await readFast(indented)
    expect(records.map(createdAtMsOf)).toEqual(times)
    expect(records.map(sequenceNumberOf)).toEqual(numbers)
  })
})
