import assert from 'node:assert/strict'
import { type _Record, GetRecordsCommand } from '@aws-sdk/client-dynamodb-streams'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import type { RawRecord } from '../../../src/wire/wire-record.ts'
import { clientReturning } from '../streams-api/fixed-response-client.ts'
import { wireRecord } from './wire-arbitraries.ts'

let body = ''
const { client } = clientReturning(() => ({ body }))
const api = sdkStreamsApi(client, (reason) => expect.unreachable(reason))

async function readBySdk(records: object[]): Promise<_Record[] | undefined> {
  body = JSON.stringify({ Records: records })
  return (await client.send(new GetRecordsCommand({ ShardIterator: 'i' }))).Records
}

async function readByLibrary(records: object[]): Promise<(RawRecord | undefined)[]> {
  body = JSON.stringify({ Records: records })
  const page = await api.readRecords({ iterator: 'i', limit: 1000 }, new AbortController().signal)
  return page.records.map((record) => page.decode?.(record))
}

test("any record is decoded to what the SDK's deserializer returns", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(wireRecord, { maxLength: 3 }), async (records) => {
      assert.deepStrictEqual(await readByLibrary(records), await readBySdk(records))
    }),
    { numRuns: 200 },
  )
})

test('attributes nested as deep as DynamoDB allows are decoded at every level', async () => {
  let value: object = { B: 'AQID' }
  for (let depth = 0; depth < 32; depth++) value = depth % 2 ? { L: [value] } : { M: { next: value } }
  const records = [{ dynamodb: { NewImage: { top: value } } }]
  const decoded = await readByLibrary(records)
  assert.deepStrictEqual(decoded, await readBySdk(records))
  expect(JSON.stringify(decoded)).toContain('{"B":{"0":1,"1":2,"2":3}}')
})

test('a decoded attribute named __proto__ keeps its value and does not change any prototype', async () => {
  const image = JSON.parse('{"__proto__":{"M":{"__proto__":{"S":"x"}}},"a":{"S":"y"}}')
  const [record] = await readByLibrary([{ dynamodb: { NewImage: image } }])
  const decoded = record?.dynamodb?.NewImage ?? {}
  expect(Object.keys(decoded)).toEqual(['__proto__', 'a'])
  expect(JSON.stringify(decoded)).toBe(JSON.stringify(image))
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
})

test('decoding a record does not change it', async () => {
  body = JSON.stringify({
    Records: [{ dynamodb: { ApproximateCreationDateTime: 1, NewImage: { a: { B: 'AQ==' } } } }],
  })
  const page = await api.readRecords({ iterator: 'i', limit: 1 }, new AbortController().signal)
  const before = structuredClone(page.records)
  page.records.forEach((record) => void page.decode?.(record))
  assert.deepStrictEqual(page.records, before)
})
