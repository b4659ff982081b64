import { setTimeout as wait } from 'node:timers/promises'
import { DescribeStreamCommand, type Shard } from '@aws-sdk/client-dynamodb-streams'
import { below, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import type { DynamoDBLocal } from '../../support/dynamodb-local.ts'
import { createTable, putNumber, setStream } from '../../support/tables.ts'
import type { WrittenRecord } from './check-fates.ts'
import type { Role } from './roles.ts'

/** The approximate limit of records that no worker has settled yet: enough to keep every worker busy. */
const MAX_AHEAD = 120

const ITEMS = 15

/** The number of records that are written before the stream is disabled. */
const LAST_RECORDS = 30

export interface WorkloadOptions {
  readonly local: Pick<DynamoDBLocal, 'tableClient' | 'streamsClient'>
  readonly seed: string
  roleOf(n: number): Role
}

/** A table with a stream, and what was written to it. */
export interface Workload extends AsyncDisposable {
  roleOf(n: number): Role
  readonly streamArn: string
  /** The writes in order. */
  readonly written: readonly WrittenRecord[]
  /** Writes continuously, but at most `MAX_AHEAD` records ahead of the worker, until `end`. */
  writeSteadily(): void
  /** Resolves when this many more records were written steadily. */
  writeMore(count: number): Promise<void>
  /** Reports that the worker has settled this many more records. */
  settled(count: number): void
  /** Stops writing steadily, writes the last records and disables the stream. */
  end(): Promise<void>
  /** Returns the parent of a shard, as far as the stream has ever listed it. */
  parentOf(shardId: string): string | undefined
  /** Reads which shards there are, which are no longer listed some time after they were closed. */
  listShards(): Promise<void>
  /** Resolves when the stream has had a second shard. */
  split(): Promise<void>
}

export async function createWorkload({ local, seed, roleOf }: WorkloadOptions): Promise<Workload> {
  const random = seededRandom(seed, 'traffic')
  const client = local.tableClient()
  const streams = local.streamsClient()
  const table = await createTable(client)
  const written: WrittenRecord[] = []
  const parents = new Map<string, string | undefined>()
  let unsettled = 0
  let isEnding = false
  let traffic = Promise.resolve()

  const write = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const record = { n: written.length, id: `item-${below(random, ITEMS)}` }
      await putNumber(client, table, record.id, record.n)
      written.push(record)
      if (roleOf(record.n).kind !== 'filtered') unsettled++
    }
  }
  const listShards = async () => {
    for (let from: string | undefined, isLast = false; !isLast; isLast = from === undefined) {
      const { StreamDescription } = await streams.send(
        new DescribeStreamCommand({ StreamArn: table.streamArn, ExclusiveStartShardId: from }),
      )
      const shards: readonly Shard[] = StreamDescription?.Shards ?? []
      for (const { ShardId = '', ParentShardId } of shards) parents.set(ShardId, ParentShardId)
      from = StreamDescription?.LastEvaluatedShardId
    }
  }
  return {
    roleOf,
    streamArn: table.streamArn,
    written,
    writeSteadily() {
      traffic = (async () => {
        while (!isEnding) {
          if (unsettled < MAX_AHEAD) await write(1)
          else await wait(5)
        }
      })()
      traffic.catch(() => {})
    },
    async writeMore(count) {
      for (const end = written.length + count; written.length < end; ) await wait(20)
    },
    settled: (count) => {
      unsettled -= count
    },
    async end() {
      isEnding = true
      await traffic
      await write(LAST_RECORDS)
      await listShards()
      await setStream(client, table.tableName, 'no stream')
    },
    parentOf: (shardId) => parents.get(shardId),
    listShards,
    async split() {
      for (; parents.size < 2; await wait(100)) await listShards()
    },
    async [Symbol.asyncDispose]() {
      isEnding = true
      await traffic.catch(() => {})
      client.destroy()
      streams.destroy()
    },
  }
}
