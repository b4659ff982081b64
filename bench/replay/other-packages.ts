import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import { DynamoDBStreams } from '@aws-sdk/client-dynamodb-streams'
import { clientOptions } from '../support/client.ts'
import type { Contender } from '../support/measure.ts'
import type { ReplayInput } from './contenders.ts'

/*
 * Other packages for Node, used in the way that is most favorable to them: closed shards without children,
 * which none of them follows, each read from its start, without their default pauses. They are CommonJS, have
 * no types, and are not dependencies of this package. Those that are not installed are skipped.
 *
 * serverless-offline-dynamodb-streams uses dynamodb-streams-readable, so the figure of the latter applies to
 * both.
 */

const require = createRequire(import.meta.url)

/** The package that each of these contenders requires. */
export const packageOf: Readonly<Record<string, string>> = {
  'dynamodb-streams-readable': 'dynamodb-streams-readable',
  'dynamodb-stream': 'dynamodb-stream',
}

export function isInstalled(name: string): boolean {
  try {
    require.resolve(name)
    return true
  } catch {
    return false
  }
}

type MakeReadable = (
  client: DynamoDBStreams,
  streamArn: string,
  options: { shardId: string | undefined; iterator: 'TRIM_HORIZON'; readInterval: number },
) => Readable

/** One readable stream of pages per shard. */
const streamsReadable: Contender<ReplayInput> = async ({ endpoint, streamArn }) => {
  const makeReadable: MakeReadable = require('dynamodb-streams-readable')
  const client = new DynamoDBStreams(clientOptions(endpoint))
  let records = 0
  let sum = 0
  const { StreamDescription } = await client.describeStream({ StreamArn: streamArn })
  const shards = (StreamDescription?.Shards ?? []).map(async ({ ShardId }) => {
    const readable = makeReadable(client, streamArn, {
      shardId: ShardId,
      iterator: 'TRIM_HORIZON',
      readInterval: 1,
    })
    readable.on('data', (page: { dynamodb: { SequenceNumber: string } }[]) => {
      records += page.length
      for (const { dynamodb } of page) sum += dynamodb.SequenceNumber.length
    })
    await once(readable, 'end')
  })
  await Promise.all(shards)
  client.destroy()
  return { records, details: { sum } }
}

interface ShardState {
  readonly shardId: string | undefined
  readonly nextShardIterator: string | undefined
}

interface DynamodbStream {
  setShardState(state: Record<string, ShardState>): void
  getShardState(): Record<string, ShardState>
  fetchStreamRecords(): Promise<unknown>
  on(event: string, listener: () => void): void
}

/** An emitter of unmarshalled images, which starts at LATEST unless iterators are passed to it. */
const dynamodbStream: Contender<ReplayInput> = async ({ endpoint, streamArn }) => {
  const Stream: new (
    client: DynamoDBStreams,
    streamArn: string,
  ) => DynamodbStream = require('dynamodb-stream')
  const client = new DynamoDBStreams(clientOptions(endpoint))
  const state: Record<string, ShardState> = {}
  const { StreamDescription } = await client.describeStream({ StreamArn: streamArn })
  for (const { ShardId } of StreamDescription?.Shards ?? []) {
    const { ShardIterator } = await client.getShardIterator({
      StreamArn: streamArn,
      ShardId,
      ShardIteratorType: 'TRIM_HORIZON',
    })
    state[String(ShardId)] = { shardId: ShardId, nextShardIterator: ShardIterator }
  }
  const stream = new Stream(client, streamArn)
  stream.setShardState(state)
  let records = 0
  const count = () => {
    records++
  }
  stream.on('insert record', count)
  stream.on('modify record', count)
  while (Object.keys(stream.getShardState()).length > 0) await stream.fetchStreamRecords()
  client.destroy()
  return { records }
}

export const otherPackages: Record<string, Contender<ReplayInput>> = {
  'dynamodb-streams-readable': streamsReadable,
  'dynamodb-stream': dynamodbStream,
}
