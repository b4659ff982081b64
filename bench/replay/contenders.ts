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
import { peerSides } from './other-packages.ts'

export interface ReplayInput {
  readonly endpoint: string
  readonly streamArn: string
  /** How many records there are. A stream that is disabled ends 1.5 s after its last one, which is not what is asked. */
  readonly total: number
}

/** Keeps the work from being optimised away, and shows that every side saw the same. */
function checked(records: number, sum: number): { records: number; details: { sum: number } } {
  return { records, details: { sum } }
}

const oursForAwait: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
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

const oursTouched: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
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

const oursBatches: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
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

const oursNext: Contender<ReplayInput> = async ({ endpoint, streamArn, total }) => {
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

/** What a user would write: all shards side by side, no order across them, nothing to resume from. */
function sdkLoop(look: (record: SdkRecord) => number): Contender<ReplayInput> {
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
          sum += look(record)
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

/** The floor: the same bytes, with nothing that makes it AWS. */
const bareFetch: Contender<ReplayInput> = async ({ endpoint, streamArn }) => {
  const call = async (target: string, input: object) => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': `DynamoDBStreams_20120810.${target}` },
      body: JSON.stringify(input),
    })
    return JSON.parse(await response.text())
  }
  let records = 0
  let sum = 0
  const { StreamDescription } = await call('DescribeStream', { StreamArn: streamArn })
  const readShard = async (ShardId: string) => {
    let { ShardIterator } = await call('GetShardIterator', { ShardId })
    while (ShardIterator) {
      const page = await call('GetRecords', { ShardIterator })
      for (const record of page.Records) {
        records++
        sum += record.dynamodb.SequenceNumber.length
      }
      ShardIterator = page.NextShardIterator
    }
  }
  await Promise.all(StreamDescription.Shards.map(({ ShardId }: { ShardId: string }) => readShard(ShardId)))
  return checked(records, sum)
}

export const contenders: Record<string, Contender<ReplayInput>> = {
  'ours: for await': oursForAwait,
  'ours: for await, newImage touched': oursTouched,
  'ours: batches': oursBatches,
  'ours: Coordinator.next': oursNext,
  'SDK loop': sdkLoop((record) => record.dynamodb?.SequenceNumber?.length ?? 0),
  'SDK loop, unmarshall': sdkLoop((record) => String(unmarshall(record.dynamodb?.NewImage ?? {}).id).length),
  'fetch + JSON.parse': bareFetch,
  ...peerSides,
}
