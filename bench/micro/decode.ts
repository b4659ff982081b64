import { Readable } from 'node:stream'
import { DynamoDBStreamsClient, GetRecordsCommand } from '@aws-sdk/client-dynamodb-streams'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { StreamRecord } from '../../src/index.ts'
import { sdkStreamsApi } from '../../src/streams-api/sdk-streams-api.ts'
import { decodeRecord } from '../../src/wire/decode-record.ts'
import { toPlainItem } from '../../src/wire/plain-item.ts'
import type { WireRecord } from '../../src/wire/wire-record.ts'
import { encodeRecords } from '../support/encode-records.ts'
import type { Bench } from '../support/report.ts'
import { timeOperations } from '../support/time-operations.ts'

const records = 1000

/** Decoding a page from bytes to values, without a network. */
export const decode: Bench = async ({ quick }) => {
  const { bytes } = encodeRecords(records, '1kB').page(0, records)
  const body = Buffer.concat([Buffer.from('{"NextShardIterator":"n","Records":['), bytes, Buffer.from(']}')])
  const text = body.toString()
  const client = clientReturning(body)
  const silent = clientReturning(body, { debug() {}, warn() {}, error() {} } as unknown as Console)
  const api = sdkStreamsApi(client)
  const never = new AbortController().signal
  const readFast = async () => {
    const read = await api.readRecords({ iterator: 'i', limit: 1000 }, never)
    if (!read.lazyRecords) throw new Error('The fast path was not taken')
    return read
  }

  const page = await timeOperations(
    'decode: a page of 1,000 records of 1 kB',
    [
      {
        name: 'GetRecordsCommand',
        records,
        run: () => client.send(new GetRecordsCommand({ ShardIterator: 'i' })),
      },
      {
        name: 'GetRecordsCommand, logger without info',
        records,
        run: () => silent.send(new GetRecordsCommand({ ShardIterator: 'i' })),
      },
      { name: 'this package', records, run: readFast },
      { name: 'JSON.parse', records, run: () => JSON.parse(text) },
    ],
    quick,
  )

  const wire: WireRecord[] = JSON.parse(text).Records
  const sdk = wire.map(decodeRecord)
  const each = (access: (record: WireRecord) => unknown) => () => wire.map(access)
  const values = await timeOperations(
    'decode: accessing the members of a record',
    [
      {
        name: 'unmarshall',
        records,
        run: () => sdk.map((record) => unmarshall(record.dynamodb?.NewImage ?? {})),
      },
      {
        name: 'StreamRecord.newImage',
        records,
        run: each((record) => toPlainItem(record.dynamodb?.NewImage, 'json')),
      },
      { name: 'StreamRecord.raw', records, run: each(decodeRecord) },
      {
        name: 'new StreamRecord()',
        records,
        run: each((record) => new StreamRecord(record, { shardId: 's' }, 0)),
      },
    ],
    quick,
  )
  return { tables: [page, values], data: { page, values } }
}

function clientReturning(body: Buffer, logger?: Console): DynamoDBStreamsClient {
  const handle = async () => ({ response: { statusCode: 200, headers: {}, body: Readable.from([body]) } })
  return new DynamoDBStreamsClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    requestHandler: { handle } as never,
    ...(logger && { logger }),
  })
}
