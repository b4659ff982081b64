import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { GetRecordsCommand } from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test } from 'vitest'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import { createdAtMsOf, sequenceNumberOf } from '../../../src/wire/record-fields.ts'
import type { WireRecord } from '../../../src/wire/wire-record.ts'
import { clientAnswering } from './answering-client.ts'

/*
 * GetRecords answers of the services, byte for byte. `aws.body` has the values, the forms of numbers and the order of members
 * of the sample answer in the API reference, without its white space; `dynamodb-local-3.3.0.body` was sent by DynamoDB
 * Local.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
 */

function sample(name: string): string {
  return readFileSync(new URL(`samples/${name}.body`, import.meta.url), 'utf8')
}

/** The records as they are found without parsing them; that this is the way is asserted. */
async function readFast(body: string) {
  const { client } = clientAnswering({ body })
  const api = sdkStreamsApi(client, (reason) => expect.unreachable(reason))
  const page = await api.readRecords({ iterator: 'i', limit: 1000 }, new AbortController().signal)
  const { lazyRecords } = page
  if (!lazyRecords) return expect.unreachable('the fast path was not taken')
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

describe.each(samples)('an answer of $name', ({ name, times, numbers }) => {
  test('is read without parsing its records, and has their times and sequence numbers', async () => {
    const { records, nextIterator } = await readFast(sample(name))
    expect(records.map(createdAtMsOf)).toEqual(times)
    expect(records.map(sequenceNumberOf)).toEqual(numbers)
    expect(records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE'])
    expect(nextIterator).toBe(JSON.parse(sample(name)).NextShardIterator)
  })

  test('gives the records that the SDK gives', async () => {
    const body = sample(name)
    const { client } = clientAnswering({ body })
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator: 'i' }))
    assert.deepStrictEqual((await readFast(body)).decoded, Records)
  })

  test('is read in the same way when it is indented, as documentation shows it', async () => {
    // Indented by hand: JSON.stringify would write the numbers in its own form.
    const indented = sample(name)
      .replaceAll(/([{,])(?=")/g, '$1\n  ')
      .replaceAll('":', '" : ')
    const { records } = await readFast(indented)
    expect(records.map(createdAtMsOf)).toEqual(times)
    expect(records.map(sequenceNumberOf)).toEqual(numbers)
  })
})
