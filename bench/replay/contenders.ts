import {
  DescribeStreamCommand,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { Coordinator, openStream } from '../../src/index.ts'
import { makeClient } from '../support/client.ts'
import { fastApi } from '../support/fast-path.ts'
import type { Contender } from '../support/measure.ts'
import { readPages } from '../support/read-pages.ts'
import { otherPackages } from './other-packages.ts'

export interface ReplayInput {
  readonly endpoint: string
  readonly streamArn: string
  /**
   * The number of records. The contenders of this package stop at the last one, because the library reports
   * the end of a disabled stream 1.5 s later, which is not measured here.
   */
  readonly total: number
}

/** Returns the sum of what was read, which prevents the work from being optimized away. */
function checked(records: number, sum: number): { records: number; details: { sum: number } } {
  return { records, details: { sum } }
}

const iterateRecords: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  let records = 0
  let sum = 0
  for await (const record of stream) {
    records++
    sum += record.sequenceNumber.length
    if (records === total) break
  }
  return checked(records, sum)
}

const iterateImages: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  let records = 0
  let sum = 0
  for await (const record of stream) {
    records++
    sum += String(record.newImage?.id).length
    if (records === total) break
  }
  return checked(records, sum)
}

const iterateBatches: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  let records = 0
  let sum = 0
  for await (const batch of stream.batches({ maxRecords: 500, maxWaitMs: 100 })) {
    records += batch.length
    for (const record of batch) sum += record.sequenceNumber.length
    if (records === total) break
  }
  return checked(records, sum)
}

const callNext: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
  await using coordinator = new Coordinator({ client: fastApi(endpoint), streamArn })
  await coordinator.moveTo('trim_horizon')
  let records = 0
  let sum = 0
  while (records < total) {
    const record = await coordinator.next()
    if (!record) continue
    records++
    sum += record.sequenceNumber.length
  }
  return checked(records, sum)
}

/** A hand-written loop: all shards concurrently, no order across shards, no position to resume from. */
function sdkLoop(access: (record: SdkRecord) => number): Contender<ReplayInput> {
  return async ({ endpoint, streamArn }) => {
    const client = makeClient(endpoint)
    let records = 0
    let sum = 0
    const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn: streamArn }))
    const readShard = async (ShardId: string | undefined) => {
      let { ShardIterator } = await client.send(
        new GetShardIteratorCommand({ StreamArn: streamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
      )
      while (ShardIterator) {
        const page = await client.send(new GetRecordsCommand({ ShardIterator }))
        for (const record of page.Records ?? []) {
          records++
          sum += access(record)
        }
        ShardIterator = page.NextShardIterator
      }
    }
    await Promise.all((StreamDescription?.Shards ?? []).map(({ ShardId }) => readShard(ShardId)))
    client.destroy()
    return checked(records, sum)
  }
}

type SdkRecord = NonNullable<GetRecordsCommandOutput['Records']>[number]

/** Fetches the same bytes and parses them as JSON, without the SDK. */
const bareFetch: Contender<ReplayInput> = async (input) => {
  let records = 0
  let sum = 0
  await readPages<SdkRecord>(input, (page) => {
    for (const { dynamodb } of page) {
      records++
      sum += dynamodb?.SequenceNumber?.length ?? 0
    }
  })
  return checked(records, sum)
}

export const contenders: Record<string, Contender<ReplayInput>> = {
  openStream: iterateRecords,
  'openStream, newImage read': iterateImages,
  'openStream, batches()': iterateBatches,
  'Coordinator.next()': callNext,
  'SDK loop': sdkLoop((record) => record.dynamodb?.SequenceNumber?.length ?? 0),
  'SDK loop, unmarshall': sdkLoop((record) => String(unmarshall(record.dynamodb?.NewImage ?? {}).id).length),
  'fetch + JSON.parse': bareFetch,
  ...otherPackages,
}
